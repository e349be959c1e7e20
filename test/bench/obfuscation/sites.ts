// Synthetic web sites: each has pages of its own make, and no two visits of one are the same.

import { logNormal, type Random, seeded, whole } from './random.ts';

/** One object of a page: its size in bytes, how much its request carries, and the server's milliseconds before it comes. */
export type Fetch = { readonly bytes: number; readonly request: number; readonly wait: number };

/** Objects by wave: a wave is asked for when all of the one before it has come. */
export type Visit = readonly (readonly Fetch[])[];

/** `usual` is the median of what its objects have, in bytes. */
export type Site = { readonly usual: number; readonly waves: Visit };

/** The median of all objects, in bytes; how far sites' medians lie about it, and a site's objects about the site's. */
const MEDIAN = 7000;
const AMONG = 0.7;
const WITHIN = 1;
/** The most that an object or a request may have: the tail of the distribution is the only thing that is cut. */
const LARGEST = 150_000;
/** How much of a page is another at each visit (advertisements, news), and how far what stays varies. */
const CHURN = 0.1;
const VARIATION = 0.03;
/** Milliseconds by which a server may be later than usual. */
const JITTER = 10;

/** The sites of a seed: 6 to 26 objects in three waves, the first being the page itself. */
export function sites(count: number, seed: number): readonly Site[] {
  return Array.from({ length: count }, (_, index) => {
    const random = seeded(seed * 1000 + index);
    const usual = logNormal(random, MEDIAN, AMONG);
    const rest = whole(random, 5, 25);
    const second = whole(random, 1, rest - 1);
    const wave = (size: number) => Array.from({ length: size }, () => object(random, usual));
    return { usual, waves: [wave(1), wave(second), wave(rest - second)] };
  });
}

/** What one visit fetches. */
export function visit(site: Site, random: Random): Visit {
  return site.waves.map((wave) =>
    wave.map((same) => {
      const { bytes, request, wait } = random() < CHURN ? object(random, site.usual) : same;
      const varied = (value: number): number => Math.round(logNormal(random, value, VARIATION));
      return { bytes: varied(bytes), request: varied(request), wait: wait + random() * JITTER };
    }),
  );
}

function object(random: Random, usual: number): Fetch {
  return {
    bytes: Math.min(LARGEST, logNormal(random, usual, WITHIN)),
    request: Math.min(2000, logNormal(random, 300, 0.6)),
    wait: random() * 60,
  };
}
