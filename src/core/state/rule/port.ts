// Ports: one way of networking for each container, on a bridge that is there, and socket_ports that name what is there.

import { bad, entries } from '../draft.ts';
import { didYouMean } from '../hint.ts';
import type { Link } from '../link.ts';
import type { Finding } from '../problem.ts';
import { containerPath, repeated, type Rule, type View } from './rule.ts';

export const ports: Rule = (view) => [
  ...view.links.flatMap((link) => [...networking(link), ...onBridge(view, link)]),
  ...entries(view.draft.openflow?.bridges).flatMap(([index, bridge]) => [
    ...entries(bridge.socket_ports).flatMap(([position, { name, container_id: id }]) =>
      socketPort(view, bridge.name, { name, id, path: ['openflow', 'bridges', index, 'socket_ports', position] }),
    ),
    ...repeated(
      entries(bridge.socket_ports).map(([position, { container_id: id }]) => ({
        value: id,
        path: ['openflow', 'bridges', index, 'socket_ports', position, 'container_id'],
      })),
      (id) => `container ${id} is listed twice`,
    ),
  ]),
];

function networking(link: Link): readonly Finding[] {
  const { index, container } = link;
  const { network } = container;
  const findings: Finding[] = [...meshed(link)];
  if (network === undefined) return findings;
  if (network.veth === true)
    for (const other of ['socket_networking', 'wg_tunnel'] as const)
      if (network[other] === true)
        findings.push({
          path: containerPath(index, 'network', other),
          message: `a container has one link to the bridge: expected ${other} to be false beside "veth": true`,
        });
  const known = !bad(network, 'veth') && !bad(network, 'wg_tunnel');
  if (known && network.socket_networking === false && network.veth !== true && network.wg_tunnel !== true)
    findings.push({
      path: containerPath(index, 'network'),
      message: 'no link to the bridge: expected one of veth, socket_networking and wg_tunnel to be true',
    });
  if (network.port_name === 'eth0' || (network.wg_tunnel === true && network.port_name === `veth${container.id}`))
    findings.push({
      path: containerPath(index, 'network', 'port_name'),
      message: `port name ${network.port_name} has another meaning: expected another`,
    });
  return findings;
}

/** What is in a mesh has a way out that no policy gave it: no container of a chain may be. */
function meshed({ index, id, container }: Link): readonly Finding[] {
  if (container.properties?.network_type !== 'netmaker') return [];
  const path = containerPath(index, 'properties', 'network_type');
  const [job] = Object.keys(container.config ?? {});
  if (job !== undefined) {
    const hint = 'A mesh is a way out beside the chain. Put what joins it into a container of its own.';
    return [{ path, message: `a container with ${job} can't be in a mesh: expected "bridge"`, hint }];
  }
  if (id === null || id >= 104) return [];
  return [{ path, message: `ids below 104 are the chain's: expected "bridge", or another id than ${id}` }];
}

function onBridge({ bridges }: View, { index, bridge, container }: Link): readonly Finding[] {
  if (bridges === null || bridge === null || bridges.includes(bridge) || bridges.includes(null)) return [];
  const path =
    container.network?.bridge === undefined ? containerPath(index) : containerPath(index, 'network', 'bridge');
  const names = bridges.filter((name) => name !== null);
  return [{ path, message: `bridge ${bridge} is not in openflow.bridges`, ...didYouMean(bridge, names) }];
}

type SocketPort = {
  readonly name: string | undefined;
  readonly id: string | undefined;
  readonly path: Finding['path'];
};

function socketPort(
  { links, idsKnown }: View,
  bridge: string | undefined,
  { name, id, path }: SocketPort,
): readonly Finding[] {
  if (id === undefined) return [];
  const link = links.find((candidate) => String(candidate.id) === id);
  if (link === undefined) {
    if (!idsKnown) return [];
    return [{ path: [...path, 'container_id'], message: `there is no container ${id}` }];
  }
  if (bridge !== undefined && link.bridge !== null && link.bridge !== bridge)
    return [
      { path: [...path, 'container_id'], message: `container ${id} is on bridge ${link.bridge}, not on ${bridge}` },
    ];
  const own = [link.device, link.row];
  if (name === undefined || own.includes(null) || own.includes(name)) return [];
  const expected = [...new Set(own)].join(' or ');
  return [{ path: [...path, 'name'], message: `container ${id} has no port ${name}: expected ${expected}` }];
}
