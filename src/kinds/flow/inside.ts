// Table 20: inside the subnet only a pair's initiator opens, and only to its responder: the host anything, a container a
// ping to its next hop, the members of a mesh UDP to each other.

import { commit } from './mark.ts';
import { hops, hosted, meshed } from './pair.ts';
import { deliver, from, type Pair, type Rule, rule, type Scene } from './scene.ts';

export function inside(scene: Scene): readonly Rule[] {
  return [
    ...hosted(scene).map((pair) => opening(pair, 0xdead0120, 'ip')),
    ...hops(scene).map((pair) => opening(pair, 0xdead0121, 'icmp', 'icmp_type=8')),
    ...meshed(scene).map((pair) => opening(pair, 0xdead0122, 'udp')),
  ];
}

function opening(pair: Pair, cookie: number, protocol: string, ...more: readonly string[]): Rule {
  const match = [protocol, from(pair.initiator), `nw_dst=${pair.responder.ip}`, ...more];
  return rule(cookie, 1000, match, [commit(pair), ...deliver(pair.responder)]);
}
