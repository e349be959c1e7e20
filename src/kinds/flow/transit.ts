// Tables 7 and 8: inside or transit, and what hides who sent it.

import { neighbours } from './pair.ts';
import { from, type Party, party, type Rule, rule, type Scene } from './scene.ts';
import { goTo, table } from './table.ts';

/**
 * Table 7. The host's transit never enters by the bridge: what is not for the subnet is astray. A container without a job
 * in the chain reaches another one by the policies that lead there.
 */
export function destination(scene: Scene): readonly Rule[] {
  const { host, subnet } = scene;
  return [
    ...neighbours(scene).map(({ initiator, responder }) =>
      rule(0xdead0112, 1100, ['ip', from(initiator), `nw_dst=${responder.ip}`], [goTo(table.policy)]),
    ),
    ...(subnet === null ? [] : [rule(0xdead0110, 1000, ['ip', `nw_dst=${subnet}`], [goTo(table.inside)])]),
    ...(host === null ? [] : [rule(0xdead0111, 500, [from(host)], ['drop'])]),
  ];
}

/**
 * Table 8. Level 1 drops a TTL that ends here, which no router would forward: an answer would tell of the hop. Level 2
 * gives all transit one TTL and DSCP. Only here, behind the stateless tables, may a TTL be matched: it is not maskable
 * and costs the datapath one flow for each value.
 */
export function transit(scene: Scene): readonly Rule[] {
  const ending = [
    rule(0xdead000d, 2000, ['ip', 'nw_ttl=0'], ['drop']),
    rule(0xdead000e, 2000, ['ip', 'nw_ttl=1'], ['drop']),
  ];
  const on = goTo(table.policy);
  const exits = scene.members.filter((member) => member.next === 'host').map(party);
  const alike = [
    ...exits.map((one) => rule(0xcafe0001, 1000, ['ip', from(one)], [...hidden(scene, scene.host), on])),
    rule(0xcafe0001, 900, ['ip'], [...hidden(scene, null), on]),
  ];
  return [...(scene.security ? ending : []), ...(scene.level >= 2 ? alike : [])];
}

/** What level 2 does to a packet on its way to `to`: the host's routing takes one off, so that 64 is on the wire. */
export function hidden({ level, host }: Scene, to: Party | null): readonly string[] {
  if (level < 2) return [];
  return [`set_field:${to !== null && to === host ? 65 : 64}->nw_ttl`, 'set_field:0->ip_dscp'];
}
