// Table 20: inside the subnet only a pair's initiator opens, and only to its responder: the host anything, a container a
// ping to its next hop.

import { commit } from './mark.ts';
import { insidePairs } from './pair.ts';
import { deliver, from, type Rule, rule, type Scene } from './scene.ts';

export function inside(scene: Scene): readonly Rule[] {
  return insidePairs(scene).map((pair) => {
    const host = pair.initiator === scene.host;
    const match = [host ? 'ip' : 'icmp', from(pair.initiator), `nw_dst=${pair.responder.ip}`];
    return rule(host ? 0xdead0120 : 0xdead0121, 1000, host ? match : [...match, 'icmp_type=8'], [
      commit(pair),
      ...deliver(pair.responder),
    ]);
  });
}
