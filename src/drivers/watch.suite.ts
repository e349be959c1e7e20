// What every watch does, of whatever driver, real or fake (watch.ts).

import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { OpError } from '../error.ts';
import type { Watch } from './watch.ts';

/**
 * Holds watches to their contract, several at once: each of `changes` is told, by its name, before the next is made;
 * one that is closed is told of none of them, and says that it ended; one that closes itself when it is told of the first
 * is told of no more.
 */
export async function keepsWatch(
  watch: (changed: () => void) => Promise<Watch>,
  changes: Readonly<Record<string, () => Promise<unknown>>>,
): Promise<void> {
  const told = [0, 0, 0];
  const open = await Promise.all(told.map((_, at) => watch(() => void told[at]!++)));
  const closed = open[2] as Watch;
  let heard = 0;
  const once = await watch(() => {
    heard++;
    void once.close();
  });
  try {
    await Promise.all([closed.close(), closed.close()]);
    assert.ok((await closed.ended) instanceof OpError);
    const silent = told[2];
    for (const [name, change] of Object.entries(changes)) {
      const before = await quiet(() => told.slice(0, 2));
      await change();
      await until(`${name}: told`, () => before.every((count, at) => (told[at] as number) > count));
    }
    assert.equal(told[2], silent, 'told after it was closed');
    assert.equal(heard, 1, 'told after it has closed itself');
  } finally {
    for (const one of [...open, once]) await one.close();
  }
  for (const one of open) assert.ok((await one.ended) instanceof OpError);
}

/** Waits until `done` holds, which is looked at every few milliseconds. */
export async function until(what: string, done: () => boolean): Promise<void> {
  for (const end = Date.now() + 10_000; !done(); await sleep(2))
    assert.ok(Date.now() < end, `not within 10 s: ${what}`);
}

/** The counts when nothing has been told for a moment: what an earlier change brings later is not taken for the next. */
async function quiet(counts: () => readonly number[]): Promise<readonly number[]> {
  for (const end = Date.now() + 2000; ; ) {
    const before = counts();
    await sleep(25);
    const now = counts();
    if (now.every((count, at) => count === before[at]) || Date.now() > end) return now;
  }
}
