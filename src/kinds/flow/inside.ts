// Table 20: inside the subnet only a pair's initiator opens, and only to its responder.

import { commit } from './mark.ts';
import { insidePairs } from './pair.ts';
import { deliver, from, type Rule, rule, type Scene } from './scene.ts';

export function inside(scene: Scene): readonly Rule[] {
  return insidePairs(scene).map((pair) =>
    rule(
      pair.initiator === scene.host ? 0xdead0120 : 0xdead0121,
      1000,
      ['ip', from(pair.initiator), `nw_dst=${pair.responder.ip}`],
      [commit(pair), ...deliver(pair.responder)],
    ),
  );
}
