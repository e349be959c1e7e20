// How conntrack remembers a pair: one zone, and a mark that names both ports.

import type { Pair } from './scene.ts';

/** The conntrack zone of every chain. Not 0, which the kernel shares with the host's own connections. */
export const ZONE = 44100;

/** The ct_mark of a pair's connections: the initiator's id, then the responder's, 16 bits each. */
export function mark({ initiator, responder }: Pair): string {
  return `0x${(initiator.id * 0x10000 + responder.id).toString(16)}`;
}

/** Enters the connection into the table under the pair's mark. */
export function commit(pair: Pair): string {
  return `ct(commit,zone=${ZONE},exec(set_field:${mark(pair)}->ct_mark))`;
}
