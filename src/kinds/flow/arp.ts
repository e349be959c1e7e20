// Table 1: ARP is delivered, never flooded.

import { parties, type Rule, rule, type Scene } from './scene.ts';

/** Request or reply, it goes to the owner of its target address; that is what a broadcast would have reached. */
export function arp(scene: Scene): readonly Rule[] {
  return parties(scene).map(({ ip, port }) =>
    rule(0xdead0004, 1000, ['arp', `arp_tpa=${ip}`], [port === 'LOCAL' ? 'LOCAL' : `output:${port}`]),
  );
}
