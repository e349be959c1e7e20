// Being told that something may have changed, by whoever: then look again.

import type { OpError } from '../error.ts';

/**
 * What a driver's `watch` gives once it is in effect: each change from then on is told by a call of `changed`, promptly.
 * There may be more calls than changes, but none while nothing happens. A watch doesn't keep the process alive, and
 * nothing is told after its end. `changed` must not throw.
 */
export type Watch = {
  /** Why it ended: the other side went, or close; pending until then, never rejected. */
  readonly ended: Promise<OpError>;
  /** Resolves when what it held open is closed. May be called again. */
  close(): Promise<void>;
};
