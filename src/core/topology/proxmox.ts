// What Proxmox decides of a topology: it makes the port of a container's first veth pair, and names it (PVE::LXC, net0).

import type { Member, Topology } from '../topology.ts';
import { portNumber } from './number.ts';

/** The port, and device of the host, of a container's first link. */
export function proxmoxPort(id: number): string {
  return `veth${id}i0`;
}

/** The number that flows know a port of Proxmox's name by; null for any other name. */
export function proxmoxNumber(port: string): number | null {
  const id = /^veth(\d+)i0$/.exec(port)?.[1];
  return id === undefined ? null : portNumber(Number(id));
}

/** The topology with the names of Proxmox's ports; flows know ports by their numbers, which stay. */
export function onProxmox(topology: Topology): Topology {
  const named = (member: Member): Member => {
    if (member.mode !== 'veth') return member;
    const name = proxmoxPort(member.id);
    return { ...member, port: { ...member.port, row: name, device: name } };
  };
  return { ...topology, members: topology.members.map(named) };
}

/** What the file says of ports and does not get there; each a sentence. `topology` is that of the file. */
export function proxmoxNotes({ members }: Topology): readonly string[] {
  return members.flatMap(({ id, name, mode, port }) =>
    mode !== 'veth' || port.row === `veth${id}` || port.row === proxmoxPort(id)
      ? []
      : [`Proxmox names the port of ${name} ${proxmoxPort(id)}; ${port.row} is its name in the file alone.`],
  );
}
