// Chance that comes again: everything that the bench chooses follows from its seed (xorshift32 over a hash of seed and name).

import { createHash } from 'node:crypto';

export type Random = {
  /** A whole number from `low` to `high`, both included. */
  between(low: number, high: number): number;
  bytes(count: number): Buffer;
  shuffled<T>(list: readonly T[]): readonly T[];
};

/** `name` makes one fault's choices independent of what another one used up. */
export function seeded(seed: number, name: string): Random {
  // Never 0, which xorshift would keep for ever.
  let state = createHash('sha256').update(`${seed} ${name}`).digest().readUInt32LE(0) || 1;
  const next = (): number => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state;
  };
  const between = (low: number, high: number): number => low + (next() % (high - low + 1));
  return {
    between,
    bytes: (count) => Buffer.from(Array.from({ length: count }, () => between(0, 255))),
    shuffled: (list) => {
      const left = [...list];
      return list.map(() => left.splice(between(0, left.length - 1), 1)).flat();
    },
  };
}
