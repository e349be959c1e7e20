// How often one thing is put right: what is undone again and again is told of, and looked after more and more rarely. Pure.

export type Hold = {
  /** What is held: `flow ovsbr0`. */
  readonly what: string;
  /** Milliseconds of the clock given, which is never set back. */
  readonly until: number;
  /** How often in a row it had to be held. */
  readonly times: number;
};

export type Patience = {
  /** Whether it may be put right now. */
  readonly allows: (what: string, now: number) => boolean;
  /** It has been put right. @returns the hold, when that was once too often, of `longest` milliseconds at most. */
  readonly mended: (what: string, now: number, longest?: number) => Hold | null;
  /** It could not be put right: held for `base` milliseconds, twice as long each time, `longest` at most. */
  readonly failed: (what: string, now: number, longest?: number, base?: number) => Hold;
  /** What is held now. */
  readonly held: (now: number) => readonly Hold[];
  /** Forgets all: somebody has changed what is wanted. */
  readonly forget: () => void;
};

/** As often it is put right within the window; once more, and it is held. */
const ROUNDS = 5;
const WINDOW = 60_000;
/** After mending that did not last, and after mending that failed; doubled each time, up to the longest. */
const UNDONE = 30_000;
const FAILED = 1000;
const LONGEST = 600_000;

export function patience(): Patience {
  const mends = new Map<string, readonly number[]>();
  const holds = new Map<string, Hold>();
  const hold = (what: string, now: number, base: number, longest: number): Hold => {
    const before = holds.get(what);
    // Quiet for as long as the longest hold: what was is past.
    const times = before === undefined || now > before.until + LONGEST ? 1 : before.times + 1;
    const next = { what, until: now + Math.min(base * 2 ** (times - 1), longest), times };
    holds.set(what, next);
    return next;
  };
  return {
    allows: (what, now) => !((holds.get(what)?.until ?? now) > now),
    mended: (what, now, longest = LONGEST) => {
      const recent = [...(mends.get(what) ?? []).filter((at) => at > now - WINDOW), now];
      mends.set(what, recent);
      if (recent.length <= ROUNDS) return null;
      mends.delete(what);
      return hold(what, now, UNDONE, longest);
    },
    failed: (what, now, longest = LONGEST, base = FAILED) => hold(what, now, base, longest),
    held: (now) => [...holds.values()].filter(({ until }) => until > now),
    forget: () => {
      mends.clear();
      holds.clear();
    },
  };
}
