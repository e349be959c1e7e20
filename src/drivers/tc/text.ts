// The commands that make packets leave a device in some way, as a person would type them.

import type { Leaving } from './contract.ts';

/** Segments of an aggregate that a device takes, unless told (GSO_MAX_SEGS). */
const MANY = 65535;

/** Lines for `tc`. `program` is the compiled native/pad.c. */
export function tcLines(device: string, { sizes }: Pick<Leaving, 'sizes'>, program: string): readonly string[] {
  if (sizes.length === 0) return [`qdisc del dev ${device} clsact`];
  return [
    `qdisc replace dev ${device} clsact`,
    `filter del dev ${device} egress`,
    ...flowids(sizes).map(
      (flowid, index) =>
        `filter add dev ${device} egress pref ${index + 1} handle 1 bpf da obj ${program} sec tc flowid ${flowid}`,
    ),
  ];
}

/** The line for `ip`. */
export function ipLine(device: string, { single }: Pick<Leaving, 'single'>): string {
  return `link set dev ${device} gso_max_segs ${single ? 1 : MANY}`;
}

/** Of our filters in their order, as tc prints them; the last one drops (native/pad.c). None without sizes. */
export function flowids(sizes: readonly number[]): readonly string[] {
  return sizes.length === 0 ? [] : [...sizes.map((size) => `1:${size.toString(16)}`), '1:'];
}
