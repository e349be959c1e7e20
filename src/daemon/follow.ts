// Follows the sources of changes: opens each watch, opens it again when it ends, and says so both times.

import { setTimeout as sleep } from 'node:timers/promises';
import type { OpError } from '../error.ts';
import type { Watch } from '../drivers/watch.ts';

export type Source = {
  /** `the database`, `flows of ovsbr0`. A source of the same name is the same. */
  readonly name: string;
  readonly open: (changed: () => void) => Promise<Watch>;
  /** What a change means; `changed` of `follow` unless told. */
  readonly changed?: () => void;
  /** What the beginning and the end of the watch mean: what happened in between was told by nobody. As `changed` of `follow`, unless told. */
  readonly missed?: () => void;
};

export type Follow = {
  /** From now on these, and no others. */
  readonly set: (sources: readonly Source[]) => void;
  /** Those whose watch is not in effect, with the reason. */
  readonly deaf: () => readonly { readonly name: string; readonly why: string }[];
  readonly close: () => Promise<void>;
};

/** Milliseconds until a watch is opened again: at first, and at most. */
const FIRST = 100;
const LONGEST = 5000;

/** `changed` is also called when a watch begins or ends. */
export function follow(changed: () => void): Follow {
  const running = new Map<string, Running>();
  return {
    set: (sources) => {
      const names = new Set(sources.map(({ name }) => name));
      for (const [name, one] of running)
        if (!names.has(name)) {
          running.delete(name);
          void one.stop();
        }
      for (const source of sources)
        if (!running.has(source.name))
          running.set(source.name, start(source, source.changed ?? changed, source.missed ?? changed));
    },
    deaf: () => [...running].flatMap(([name, { why }]) => (why() === null ? [] : [{ name, why: why() ?? '' }])),
    close: async () => {
      const all = [...running.values()];
      running.clear();
      await Promise.all(all.map((one) => one.stop()));
    },
  };
}

type Running = { readonly why: () => string | null; readonly stop: () => Promise<void> };

function start(source: Source, changed: () => void, missed: () => void): Running {
  let why: string | null = 'not begun';
  let stopped = false;
  const end = Promise.withResolvers<void>();
  const loop = async (): Promise<void> => {
    for (let wait = FIRST; !stopped; wait = Math.min(wait * 2, LONGEST)) {
      const watch = await source.open(changed).catch((error: OpError) => error);
      if (watch instanceof Error) why = watch.message;
      else {
        why = null;
        wait = FIRST;
        if (!stopped) missed();
        const over = await Promise.race([watch.ended, end.promise]);
        await watch.close();
        why = over instanceof Error ? over.message : 'closed';
        if (!stopped) missed();
      }
      await Promise.race([sleep(wait, undefined, { ref: false }), end.promise]);
    }
  };
  const done = loop();
  return {
    why: () => why,
    stop: async () => {
      stopped = true;
      end.resolve();
      await done;
    },
  };
}
