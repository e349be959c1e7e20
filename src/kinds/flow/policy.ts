// Tables 10 to 19: the state file's policies, each with the rewritten MAC, the pair and the egress pin.

import type { Member } from '../../core/topology.ts';
import { OpError } from '../../error.ts';
import { commit } from './mark.ts';
import { deliver, from, next, party, type Rule, rule, type Scene } from './scene.ts';
import { table } from './table.ts';
import { chainFlows } from './user.ts';

/**
 * Policies and flows of one table. Cookies are 0xbeef and the member's id, or 0xbeef and the flow's place in the file
 * from 0x8000 on.
 */
export function policies(scene: Scene, number: number): readonly Rule[] {
  const own = chainFlows(scene).filter(({ flow }) => flow.table === number);
  return [
    ...scene.members.filter(({ policy }) => policy?.table === number).map((member) => steer(scene, member)),
    ...own.map(({ rule: one }) => one),
  ];
}

/**
 * Without a chain: a policy says whether a member's transit goes on as everybody's does, or is dropped. The subnet is
 * no transit.
 */
export function plainPolicies({ members, subnet }: Scene, number: number): readonly Rule[] {
  return members.flatMap((member) => {
    const { id, next: way, policy } = member;
    if (policy?.table !== number) return [];
    const match = ['ip', from(party(member))];
    const cookie = 0xbeef0000 + id;
    if (way === 'host') return [rule(cookie, policy.priority, match, ['NORMAL'])];
    const near = subnet === null ? [] : [rule(cookie, policy.priority + 1, [...match, `nw_dst=${subnet}`], ['NORMAL'])];
    return [...near, rule(cookie, policy.priority, match, ['drop'])];
  });
}

/** The tables that policies and flows are in, 10 among them always. @throws OpError `state` for one that isn't theirs. */
export function policyTables({ bridge, members, flows }: Scene): readonly number[] {
  const named = [...members.flatMap(({ policy }) => (policy === null ? [] : [policy])), ...flows];
  for (const { table: number, priority } of named)
    if (number < table.policy || number > table.lastPolicy || priority < 1 || priority > 65534)
      throw new OpError('state', `a flow of ${bridge.name} is in table ${number} with priority ${priority}`, {
        hint: `Policies and flows live in tables ${table.policy} to ${table.lastPolicy}, with a priority from 1 to 65534.`,
      });
  return [...new Set([table.policy, ...named.map(({ table: number }) => number)])].toSorted((a, b) => a - b);
}

/** Every packet passes here, of established connections too: without the policy nothing goes on. */
function steer(scene: Scene, member: Member): Rule {
  const self = party(member);
  const to = next(scene, member);
  const { pin, policy } = member;
  const match =
    pin === null ? ['ip', from(self)] : [pin.protocol, from(self), `nw_dst=${pin.to.ip}`, `tp_dst=${pin.to.port}`];
  const actions = to === null ? ['drop'] : [commit({ initiator: self, responder: to }), ...deliver(to)];
  return rule(0xbeef0000 + member.id, policy?.priority ?? 0, match, actions);
}
