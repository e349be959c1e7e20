// Table 0: a port's packets must carry its own addresses.

import { limitedArp } from './limit.ts';
import { from, type Party, party, type Rule, rule, type Scene } from './scene.ts';
import { goTo, table } from './table.ts';

/**
 * On a chain: port and MAC for IPv4 (its source address is looked at in table 6, for a router's replies carry others'),
 * port, MAC and both ARP sender fields for ARP. All else is dropped.
 */
export function admission(scene: Scene): readonly Rule[] {
  const on = goTo(scene.security ? table.limit : table.conntrack);
  const admitted = (one: Party, arpLimit: readonly string[]): readonly Rule[] => [
    rule(0xdead0100, 1000, ['ip', from(one), `dl_src=${one.mac}`], [on]),
    rule(
      0xdead0101,
      1000,
      ['arp', from(one), `dl_src=${one.mac}`, `arp_spa=${one.ip}`, `arp_sha=${one.mac}`],
      [...arpLimit, goTo(table.arp)],
    ),
  ];
  return [
    ...(scene.host === null ? [] : admitted(scene.host, limitedArp(scene, null))),
    ...scene.members.flatMap((member) => admitted(party(member), limitedArp(scene, member))),
  ];
}

/** Without a chain: a member sends IPv4 and ARP from its own addresses and nothing else; other ports are not ours. */
export function plainAdmission({ members }: Scene): readonly Rule[] {
  return members
    .map(party)
    .flatMap((one) => [
      rule(0xdead0100, 1000, ['ip', from(one), `dl_src=${one.mac}`, `nw_src=${one.ip}`], [goTo(table.policy)]),
      rule(
        0xdead0101,
        1000,
        ['arp', from(one), `dl_src=${one.mac}`, `arp_spa=${one.ip}`, `arp_sha=${one.mac}`],
        [goTo(table.policy)],
      ),
      rule(0xdead0106, 900, [from(one)], ['drop']),
    ]);
}
