// Table 6, first half: what belongs to a connection goes back by the pair of ports that opened it, or nowhere.

import { mark } from './mark.ts';
import { pairs } from './pair.ts';
import { deliver, from, party, type Rule, rule, type Scene } from './scene.ts';
import { hidden } from './transit.ts';

/**
 * A reply is what enters on the port of the responder that the mark names; it leaves on the initiator's. Any other
 * reply is dropped, so a mark that outlived its policy opens nothing. ICMP errors about replies (a router between a
 * published port and its client says "too big") come from strangers and go to the member whose connection they name.
 */
export function replies(scene: Scene): readonly Rule[] {
  return [
    rule(0xdead000b, 3000, ['ct_state=+inv+trk', 'ip'], ['drop']),
    ...pairs(scene).map((pair) =>
      rule(
        0xdead000a,
        2000,
        ['ct_state=-new+rpl-inv+trk', `ct_mark=${mark(pair)}`, 'ip', from(pair.responder)],
        [...(pair.initiator === scene.host ? hidden(scene, pair.initiator) : []), ...deliver(pair.initiator)],
      ),
    ),
    ...errors(scene),
    rule(0xdead0102, 1900, ['ct_state=+rpl+trk', 'ip'], ['drop']),
  ];
}

function errors({ host, published }: Scene): readonly Rule[] {
  if (host === null) return [];
  const members = [...new Set(published.map(({ member }) => member))].map(party);
  return members.map((member) =>
    rule(
      0xdead0107,
      2000,
      [
        'ct_state=-new+rel-rpl-inv+trk',
        `ct_mark=${mark({ initiator: host, responder: member })}`,
        'icmp',
        from(host),
        `nw_dst=${member.ip}`,
      ],
      deliver(member),
    ),
  );
}
