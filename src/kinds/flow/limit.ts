// Meters: the limits of table 2 on each sort of request of each member (level 1), and those of the state file.

import type { Member } from '../../core/topology.ts';
import type { Meter } from '../../drivers/openflow/contract.ts';
import { OpError } from '../../error.ts';
import { from, party, type Rule, rule, type Scene } from './scene.ts';
import { goTo, table } from './table.ts';

type Limit = {
  readonly cookie: number;
  readonly match: readonly string[];
  /** Packets a second, and how many may come at once. */
  readonly rate: number;
  readonly burst: number;
};

/**
 * Requests alone, never replies: with one meter for both, the requests use up what the replies need. A meter for each
 * member, so that nobody starves a neighbour. The place in the list is part of the meter's number.
 */
const limits: readonly Limit[] = [
  { cookie: 0xdead0020, match: ['icmp', 'icmp_type=8'], rate: 50, burst: 100 },
  { cookie: 0xdead000c, match: ['tcp', 'tcp_flags=+syn-ack'], rate: 200, burst: 400 },
  { cookie: 0xdead0021, match: ['udp', 'tp_dst=53'], rate: 100, burst: 200 },
  { cookie: 0xdead0022, match: ['udp', 'tp_dst=123'], rate: 10, burst: 20 },
  { cookie: 0xdead0023, match: ['udp', 'tp_dst=1900'], rate: 10, burst: 20 },
];

/** ARP is limited where it is admitted, in table 0: the last of the six numbers of a member. */
const arpLimit = { rate: 50, burst: 100 };

/** Table 2: each sort of request through its meter; what is no request, or unknown, passes by the table's miss. */
export function requests({ members }: Scene): readonly Rule[] {
  return members.flatMap((member) =>
    limits.map(({ cookie, match: [protocol = '', ...more] }, index) =>
      rule(
        cookie,
        2000,
        [protocol, from(party(member)), ...more],
        [`meter:${number(index, member)}`, goTo(table.conntrack)],
      ),
    ),
  );
}

/** The action that limits the ARP of a member, or of the host (null); none when security flows are off. */
export function limitedArp({ security }: Scene, member: Member | null): readonly string[] {
  return security ? [`meter:${member === null ? HOST : number(limits.length, member)}`] : [];
}

/** The action that sends through a meter of the file's. @throws OpError `state` when there is none of that name. */
export function named({ meters: own, bridge }: Scene, name: string): string {
  const index = own.findIndex((meter) => meter.name === name);
  if (index === -1) throw new OpError('state', `${bridge.name} has no meter ${name}`);
  return `meter:${OWN + index}`;
}

/** Every meter that the flows of a bridge name. @throws OpError `state` for more than there are numbers. */
export function meters(scene: Scene): readonly Meter[] {
  const own = scene.meters.map(({ rate, unit, burst }, index): Meter => {
    if (OWN + index > LAST) throw new OpError('state', `${scene.bridge.name} has more than ${LAST - OWN + 1} meters`);
    return { id: OWN + index, unit: unit === 'pps' ? 'pktps' : 'kbps', rate, burst: burst ?? rate };
  });
  return [...limitsOf(scene), ...own];
}

function limitsOf({ security, bridge, members, host }: Scene): readonly Meter[] {
  if (!security || !bridge.chain) return [];
  const plain = (id: number, { rate, burst }: Pick<Limit, 'rate' | 'burst'>): Meter => ({
    id,
    unit: 'pktps',
    rate,
    burst,
  });
  return [
    ...members.flatMap((member) => [...limits, arpLimit].map((limit, index) => plain(number(index, member), limit))),
    ...(host === null ? [] : [plain(HOST, arpLimit)]),
  ];
}

/** A meter carries no mark but its number: smaller and greater ones are somebody else's. */
export function isOurs({ id }: Meter): boolean {
  return id >= FIRST && id <= LAST;
}

/** 200,000 is the greatest number that the kernel's datapath takes (net/openvswitch/meter.h, DP_METER_NUM_MAX). */
const FIRST = 4000;
const LAST = 199_999;
/** As many members have numbers of their own: as many as have ports of their own (core/topology/number.ts). */
const SLOTS = 32_512;
const HOST = FIRST + 6 * SLOTS;
const OWN = HOST + 1;

function number(index: number, member: Member): number {
  return FIRST + index * SLOTS + (member.id % SLOTS);
}
