// One bridge of the topology as its flows need it: who is on it, and who may begin to talk to whom.

import type { Bridge, Member, Meter, Published, Steering, Topology, UserFlow } from '../../core/topology.ts';
import type { Flow } from '../../drivers/openflow/contract.ts';

/** A flow before the pipeline puts it into a table; one of the file's says whose it is. */
export type Rule = Omit<Flow, 'table'> & { readonly why?: string };

/** Somebody with a port: a member, or the host behind the bridge's own port LOCAL. `id` is its half of a ct_mark. */
export type Party = { readonly id: number; readonly port: string; readonly mac: string; readonly ip: string };

/** `initiator` may open connections to `responder`; replies come back by exactly this pair of ports. */
export type Pair = { readonly initiator: Party; readonly responder: Party };

export type Scene = {
  readonly bridge: Bridge;
  readonly level: number;
  /** Whether security flows are wanted at all: `enable_security_flows` and level 1 or more. */
  readonly security: boolean;
  /** The host as a party; null where the bridge has no address. */
  readonly host: Party | null;
  readonly subnet: string | null;
  /** Discovered ones among them. */
  readonly members: readonly Member[];
  readonly flows: readonly UserFlow[];
  /** The file's own meters, by name. */
  readonly meters: readonly Meter[];
  /** The members' published ports: let in from any source. */
  readonly published: readonly (Published & { readonly member: Member })[];
};

/** The host's half of a ct_mark, LOCAL's port number in 16 bits. Members' ids are below it. */
const HOST = 0xfffe;

export function scene(topology: Topology, bridge: Bridge): Scene {
  const members = [...topology.members, ...topology.discovered].filter((member) => member.bridge === bridge.name);
  return {
    bridge,
    level: topology.level,
    security: topology.securityFlows && topology.level >= 1,
    host: bridge.address === null ? null : { id: HOST, port: 'LOCAL', mac: bridge.mac, ip: bridge.address.ip },
    subnet: bridge.subnet,
    members,
    flows: topology.flows.filter((flow) => flow.bridge === bridge.name),
    meters: topology.meters.filter((meter) => meter.bridge === bridge.name),
    published: topology.published.flatMap((published) => {
      const member = members.find((candidate) => candidate.address.ip === published.to);
      return member === undefined ? [] : [{ ...published, member }];
    }),
  };
}

export function party(member: Member): Party {
  return { id: member.id, port: member.port.device, mac: member.mac, ip: member.address.ip };
}

/** The host and the members: everyone whose packets a chain bridge admits. */
export function parties({ host, members }: Scene): readonly Party[] {
  return [...(host === null ? [] : [host]), ...members.map(party)];
}

/** Where a policy sends: a member of the same bridge or the host; null when nowhere, and so dropped. */
export function next(scene: Scene, way: Pick<Steering, 'next'>): Party | null {
  if (way.next === 'host') return scene.host;
  const found = scene.members.find((candidate) => candidate.id === way.next);
  return found === undefined ? null : party(found);
}

/** The policies that steer a member, in the order in which its packets meet them. */
export function steerings({ policy, next: way, overridden }: Member): readonly Steering[] {
  return policy === null ? [] : [{ ...policy, next: way }, ...overridden];
}

export function rule(cookie: number, priority: number, match: readonly string[], actions: readonly string[]): Rule {
  return { cookie: `0x${cookie.toString(16)}`, priority, match: match.join(','), actions: actions.join(',') };
}

export function from({ port }: Party): string {
  return `in_port=${port}`;
}

/** Out of the party's port, addressed to its MAC: whatever the sender's routing thought, the flow decides. */
export function deliver({ port, mac }: Party): readonly string[] {
  return [`set_field:${mac}->eth_dst`, port === 'LOCAL' ? 'LOCAL' : `output:${port}`];
}
