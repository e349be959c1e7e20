// Where the live switch would send a packet: hop by hop, from one member to the next, as the flows are now.

import type { Member, Topology } from '../core/topology.ts';
import type { Host } from '../drivers/host.ts';
import { OpError } from '../error.ts';
import { whyLive } from '../kinds/flow/explain.ts';
import { lay } from '../kinds/flow/pipeline.ts';
import { party, type Party, scene } from '../kinds/flow/scene.ts';
import { readTrace, type Step } from '../kinds/flow/walk.ts';

export type Protocol = 'tcp' | 'udp' | 'icmp';

/** A connection that begins: of TCP the SYN, of ICMP an echo request. */
export type Question = { readonly protocol: Protocol; readonly to: string; readonly port: number | null };

export type Hop = {
  readonly from: string;
  readonly bridge: string;
  /** What the hop sends: it may have wrapped what came in. */
  readonly packet: Question & { readonly source: string };
  /** Each flow that takes it, with its reason; `why` is null for a flow that the state doesn't ask for. */
  readonly steps: readonly (Step & { readonly why: string | null })[];
  /** Who gets it: a member, `host`, somebody else's port; null when it is dropped. */
  readonly to: string | null;
};

/**
 * `from` is a member's name or id. Each hop's packet is the one that the member makes of what came in: WARP and the
 * proxy wrap it for their own peer, everybody else sends it on under an own address.
 * @throws OpError `usage` when there is no such member.
 */
export async function trace(host: Host, topology: Topology, from: string, question: Question): Promise<readonly Hop[]> {
  const first = topology.members.find(({ name, id }) => name === from || String(id) === from);
  if (first === undefined)
    throw new OpError('usage', `no container ${from}`, {
      at: '--from',
      hint:
        topology.members.length === 0
          ? 'The state that was applied has none.'
          : `There are: ${topology.members.map(({ name, id }) => `${name} (${id})`).join(', ')}`,
    });
  const hops: Hop[] = [];
  let sent = question;
  for (let member: Member | undefined = first; member !== undefined && hops.length <= topology.members.length; ) {
    const hop = await one(host, topology, member, sent);
    hops.push(hop);
    const next: Member | undefined = topology.members.find(({ name }) => name === hop.to);
    if (next === undefined || next.address.ip === sent.to) break;
    sent = wrapped(next, sent);
    member = next;
  }
  return hops;
}

function wrapped({ pin }: Member, inner: Question): Question {
  return pin === null ? inner : { protocol: pin.protocol, to: pin.to.ip, port: pin.to.port };
}

async function one(host: Host, topology: Topology, member: Member, packet: Question): Promise<Hop> {
  const bridge = topology.bridges.find(({ name }) => name === member.bridge);
  if (bridge === undefined) throw new OpError('internal', `${member.name} is on no bridge`);
  const seen = scene(topology, bridge);
  const self = party(member);
  const gateway = seen.host?.mac ?? member.mac;
  const text = await host.control.command('ofproto/trace', [
    '--names',
    bridge.name,
    flowOf(self, gateway, packet),
    '--ct-next',
    'trk,new',
  ]);
  const { steps, out } = readTrace(text);
  const tables = lay(seen);
  return {
    from: member.name,
    bridge: bridge.name,
    packet: { ...packet, source: self.ip },
    steps: steps.map((step) => ({ ...step, why: whyLive(tables, step) })),
    to: receiver(topology, bridge.name, out),
  };
}

function flowOf({ port, mac, ip }: Party, gateway: string, { protocol, to, port: service }: Question): string {
  const head = `${protocol},in_port=${port},dl_src=${mac},dl_dst=${gateway},nw_src=${ip},nw_dst=${to},nw_ttl=64`;
  if (protocol === 'icmp') return `${head},icmp_type=8,icmp_code=0`;
  const ports = `${protocol}_src=40000,${protocol}_dst=${service ?? 0}`;
  return protocol === 'tcp' ? `${head},${ports},tcp_flags=syn` : `${head},${ports}`;
}

function receiver(topology: Topology, bridge: string, out: readonly string[]): string | null {
  if (out.length === 0) return null;
  const names = out.map((port) =>
    port === bridge ? 'host' : (topology.members.find((member) => member.port.device === port)?.name ?? port),
  );
  return names.join(', ');
}
