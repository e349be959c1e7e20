// Tables 4 and 6: conntrack, and the source addresses of what opens a connection.

import { ZONE } from './mark.ts';
import { from, party, type Rule, rule, type Scene } from './scene.ts';
import { goTo, table } from './table.ts';

/** Table 4. Conntrack puts fragments together before the rest of the pipeline sees them. */
export function lookup(): readonly Rule[] {
  return [rule(0xdead000a, 1000, ['ip'], [`ct(table=${table.verdict},zone=${ZONE})`])];
}

/**
 * Table 6, second half. A member and the host speak for themselves; a stranger behind the host reaches published ports
 * alone, and never with an address of the subnet.
 */
export function sources(scene: Scene): readonly Rule[] {
  const on = [goTo(table.destination)];
  const { host, members, subnet, published } = scene;
  return [
    ...members.map(party).map((one) => rule(0xdead0103, 1000, ['ip', from(one), `nw_src=${one.ip}`], on)),
    ...unasked(scene),
    ...(host === null || subnet === null
      ? []
      : [
          rule(0xdead0103, 1010, ['ip', from(host), `nw_src=${host.ip}`], on),
          rule(0xdead0104, 1005, ['ip', from(host), `nw_src=${subnet}`], ['drop']),
          ...published.map(({ protocol, port, to }) =>
            rule(0xdead0105, 1000, [protocol, from(host), `nw_dst=${to}`, `tp_dst=${port}`], on),
          ),
        ]),
  ];
}

/**
 * A published port of a member whose policy leads to another member only ever answers. When conntrack has forgotten the
 * client (a restart, an idle hour), the member's own packet would count as a new connection, go down the chain, tell
 * WARP the client's address, and hold the client's packets for replies until it expired.
 */
function unasked({ members, published }: Scene): readonly Rule[] {
  return published
    .filter(({ member }) => members.some(({ id }) => id === member.next))
    .map(({ protocol, port, member }) =>
      rule(
        0xdead0108,
        1800,
        [protocol, from(party(member)), `nw_src=${member.address.ip}`, `tp_src=${port}`],
        ['drop'],
      ),
    );
}
