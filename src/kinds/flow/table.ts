// The numbers of the tables. A packet only ever goes on to a higher one.

/** 10 to 19 are the state file's own. */
export const table = {
  admission: 0,
  arp: 1,
  limit: 2,
  conntrack: 4,
  verdict: 6,
  destination: 7,
  transit: 8,
  policy: 10,
  lastPolicy: 19,
  inside: 20,
} as const;

export function goTo(number: number): string {
  return `goto_table:${number}`;
}
