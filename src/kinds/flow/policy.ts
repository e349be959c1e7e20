// Tables 10 to 19: the state file's policies, each with the rewritten MAC, the pair and the egress pin.

import type { Member, Steering } from '../../core/topology.ts';
import { OpError } from '../../error.ts';
import { commit } from './mark.ts';
import { deliver, from, next, party, type Rule, rule, type Scene, steerings } from './scene.ts';
import { table } from './table.ts';
import { chainFlows, laterTables } from './user.ts';

/**
 * Policies and flows of one table. Unless the file says others, cookies are 0xbeef and the member's id, or 0xbeef and
 * the flow's place in the file from 0x8000 on.
 */
export function policies(scene: Scene, number: number): readonly Rule[] {
  const own = chainFlows(scene).filter(({ flow }) => flow.table === number);
  return [...steeringsIn(scene, number).flatMap((one) => steer(scene, one)), ...own.map(({ rule: one }) => one)];
}

/**
 * Without a chain: a policy says whether a member's transit goes on as everybody's does, or is dropped. The subnet is
 * no transit.
 */
export function plainPolicies(scene: Scene, number: number): readonly Rule[] {
  return steeringsIn(scene, number).flatMap((one) => {
    const { member, way } = one;
    const match = ['ip', from(party(member))];
    const made = (more: number, to: string, ...near: readonly string[]): Rule => ({
      ...rule(cookie(one), way.priority + more, [...match, ...near], [to]),
      why: why(one),
    });
    if (way.next === 'host') return [made(0, 'NORMAL')];
    const { subnet } = scene;
    return [...(subnet === null ? [] : [made(1, 'NORMAL', `nw_dst=${subnet}`)]), made(0, 'drop')];
  });
}

/** The tables that policies and flows are in or go on in, 10 always. @throws OpError `state` for one that isn't theirs. */
export function policyTables({ bridge, members, flows }: Scene): readonly number[] {
  const own = [...members.flatMap(steerings), ...flows];
  const reached = flows.flatMap((flow) => laterTables(flow).map((number) => ({ table: number, priority: 1 })));
  for (const { table: number, priority } of [...own, ...reached])
    if (number < table.policy || number > table.lastPolicy || priority < 1 || priority > 65534)
      throw new OpError('state', `a flow of ${bridge.name} is in table ${number} with priority ${priority}`, {
        hint: `Policies and flows live in tables ${table.policy} to ${table.lastPolicy}, with a priority from 1 to 65534.`,
      });
  const numbers = [...own, ...reached].map(({ table: number }) => number);
  return [...new Set([table.policy, ...numbers])].toSorted((a, b) => a - b);
}

type Steered = { readonly member: Member; readonly way: Steering };

function steeringsIn({ members }: Scene, number: number): readonly Steered[] {
  return members.flatMap((member) =>
    steerings(member).flatMap((way) => (way.table === number ? [{ member, way }] : [])),
  );
}

function cookie({ member, way }: Steered): number {
  return way.cookie === null ? 0xbeef0000 + member.id : Number(way.cookie);
}

function why({ member, way }: Steered): string {
  return `${way.place}, for ${member.name}${way.name === member.policy?.name ? '' : ' (overridden)'}`;
}

/**
 * Every packet passes here, of established connections too: without the policy nothing goes on. An overridden policy has
 * the same pin, so what the first one's pin refuses is not let out by the next. Of what joins a mesh only TCP and UDP
 * leave.
 */
function steer(scene: Scene, one: Steered): readonly Rule[] {
  const { member, way } = one;
  const self = party(member);
  const to = next(scene, way);
  const { pin, netmaker } = member;
  const sorts = netmaker && way.next === 'host' ? ['tcp', 'udp'] : [pin?.protocol ?? 'ip'];
  const pinned = pin === null ? [] : [`nw_dst=${pin.to.ip}`, `tp_dst=${pin.to.port}`];
  const actions = to === null ? ['drop'] : [commit({ initiator: self, responder: to }), ...deliver(to)];
  return sorts.map((sort) => ({
    ...rule(cookie(one), way.priority, [sort, from(self), ...pinned], actions),
    why: why(one),
  }));
}
