// Watches of what is in memory, for the fakes.

import { OpError } from '../error.ts';
import type { Watch } from './watch.ts';

export type Watchers = {
  /** The fake's `watch`. */
  readonly watch: (changed: () => void) => Promise<Watch>;
  /** Tells all of them. */
  readonly tell: () => void;
  /** Ends all of them, as when the other side goes. */
  readonly end: (why: OpError) => void;
};

export function watchers(): Watchers {
  const open = new Map<symbol, { readonly changed: () => void; readonly end: (why: OpError) => void }>();
  return {
    watch: async (changed) => {
      const { promise, resolve } = Promise.withResolvers<OpError>();
      const id = Symbol();
      const end = (why: OpError): void => {
        open.delete(id);
        resolve(why);
      };
      open.set(id, { changed, end });
      return { ended: promise, close: async () => end(new OpError('host', 'the watch was closed')) };
    },
    tell: () => {
      for (const { changed } of [...open.values()]) changed();
    },
    end: (why) => {
      for (const { end } of [...open.values()]) end(why);
    },
  };
}

/** The set or map itself, which from now on calls `tell` after whatever changes it: tests do so behind a driver's back. */
export function noticed<T extends { clear(): void }>(collection: T, tell: () => void): T {
  const methods = collection as unknown as Record<string, ((...args: unknown[]) => unknown) | undefined>;
  for (const name of ['add', 'set', 'delete', 'clear']) {
    const method = methods[name];
    if (method === undefined) continue;
    methods[name] = (...args) => {
      const result = method.apply(collection, args);
      tell();
      return result;
    };
  }
  return collection;
}
