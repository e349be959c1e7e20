// Rollback: undoes what was interrupted or waits to be confirmed, or leads to an earlier state of the history.

import { same } from '../core/plan.ts';
import type { Change } from '../core/resource.ts';
import type { Host } from '../drivers/host.ts';
import { OpError } from '../error.ts';
import { keepApplied, keepNames } from './applied.ts';
import { goBack } from './back.ts';
import { type Entry, entryOf, intact, readHistory } from './history.ts';
import { type Journal, readJournal, readPending } from './journal.ts';
import type { Progress } from './run.ts';
import { transact } from './transact.ts';

export type RolledBack = { readonly changes: readonly Change[] } & (
  | { readonly undone: Journal }
  /** `interrupted` is what this has superseded, if anything. */
  | { readonly to: Entry; readonly interrupted: Journal | null }
);

/**
 * With a number: makes the host be as it was after that entry. Without: undoes the change that is unfinished or unconfirmed,
 * else leads to the state before this one, further with each time. The caller holds the lock.
 * @throws OpError `usage` when there is no such entry, or none before; `check` for an entry that was changed.
 */
export async function rollback(
  host: Host,
  number: number | null,
  progress: (event: Progress) => void,
  stop?: AbortSignal,
): Promise<RolledBack> {
  const journal = (await readJournal(host)) ?? (await readPending(host));
  if (journal !== null && number === null) return { changes: await goBack(host, journal, progress), undone: journal };
  const to = intact(await chosen(host, number));
  const { applied, names, resources } = to;
  const kept = async (): Promise<void> => {
    await keepNames(host, names);
    await keepApplied(host, applied);
  };
  const goal = { action: `rollback ${to.number}`, wanted: resources, kept, entry: { applied, names }, back: true };
  return { ...(await transact(host, goal, progress, stop)), to };
}

async function chosen(host: Host, number: number | null): Promise<Entry> {
  const entries = await readHistory(host);
  if (number !== null) return entryOf(entries, number);
  const before = way(entries).at(-2);
  if (before !== undefined) return before;
  throw new OpError('usage', 'nothing to go back to: no change was interrupted, and the history has no earlier state', {
    hint: 'op-dbus down removes everything.',
  });
}

/** The entries that lead to the state that is now: what was gone back from is no part of the way. */
function way(entries: readonly Entry[]): readonly Entry[] {
  return entries.reduce<readonly Entry[]>((past, entry) => {
    const back = entry.action.startsWith('rollback')
      ? past.findLastIndex((one) => same(one.resources, entry.resources))
      : -1;
    return back === -1 ? [...past, entry] : past.slice(0, back + 1);
  }, []);
}
