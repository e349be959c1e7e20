// A change of the host, whole or not at all: checkpoint, run, look again, keep; or go back to the checkpoint.

import { difference, same } from '../core/plan.ts';
import type { Change, Resource } from '../core/resource.ts';
import { fingerprints } from '../core/secret.ts';
import type { Host } from '../drivers/host.ts';
import { OpError, wrap } from '../error.ts';
import { clear, goBack } from './back.ts';
import { reopen } from './boot/block.ts';
import { type Entry, readHistory, record } from './history.ts';
import {
  closeJournal,
  forgetPending,
  type Journal,
  keepPending,
  readJournal,
  readPending,
  writeJournal,
} from './journal.ts';
import { observe } from './observe.ts';
import { type Progress, render, run } from './run.ts';

export type Goal = {
  /** For the journal and messages: `apply FILE`. */
  readonly action: string;
  readonly wanted: readonly Resource[];
  /** What else is to be on disk before the first change. */
  readonly ready?: () => Promise<void>;
  /** What is written down once the host is as wanted, in the same transaction. */
  readonly kept: () => Promise<void>;
  /** What goes once there is no way back: with the journal closed. */
  readonly closed?: () => Promise<void>;
  /** What the history says of the state that this leads to; null when it leads out of it. */
  readonly entry: Pick<Entry, 'applied' | 'names'> | null;
  /** Whether a failure leads back to what was there. Else what is done stays, and the next command goes on. */
  readonly back: boolean;
  /** Seconds until it is undone unless somebody confirms it. */
  readonly confirm?: number;
};

export type Outcome = {
  readonly changes: readonly Change[];
  /** An earlier change that was interrupted, and which this one has finished or superseded. */
  readonly interrupted: Journal | null;
};

/**
 * Makes the host be as wanted. A process that is killed on the way leaves a journal: the next change goes on from what is
 * there, and leads back, when it fails, to what was there before the first of them.
 * @throws OpError of what failed; its hint says that the host is as before, or done but not written down. AggregateError of both when it is not.
 */
export async function transact(
  host: Host,
  goal: Goal,
  progress: (event: Progress) => void,
  stop?: AbortSignal,
): Promise<Outcome> {
  const [interrupted, pending, found] = await Promise.all([readJournal(host), readPending(host), observe(host)]);
  // Both are there when the process was killed between the two: the change is still to be written down.
  if (pending !== null && interrupted === null && goal.entry !== null)
    throw new OpError('usage', `"${pending.action}" waits to be confirmed until ${pending.until}`, {
      hint: 'op-dbus confirm keeps it, op-dbus rollback undoes it.',
    });
  const changes = difference(found, goal.wanted);
  if (changes.length > 0 || interrupted !== null) {
    const checkpoint = interrupted?.checkpoint ?? found;
    // A history that can't be read is found out now, not when all is done; it keeps nobody from leaving.
    const entries = await readHistory(host).catch((error: unknown) => {
      if (goal.entry !== null) throw error;
      return [];
    });
    const entry = interrupted === null ? (entries.at(-1)?.number ?? null) : interrupted.entry;
    const journal: Journal = { version: 1, action: goal.action, began: new Date().toISOString(), checkpoint, entry };
    // What an interrupted change has put aside is needed to go back.
    if (interrupted === null && pending === null) await host.containers.tidy();
    await attempt(host, goal, { changes, journal }, progress, stop);
    await writeDown(host, goal, changes, journal).catch((error: unknown) => {
      throw said(error, 'The change is done, but not written down: the same command again, or op-dbus rollback.');
    });
    await closeJournal(host);
  } else await goal.kept();
  await goal.closed?.();
  if (goal.entry === null) await forgetPending(host);
  // Without a change as well: the one before may have been killed after its journal had gone.
  await clear(host, goal.wanted);
  await reopen(host);
  return { changes, interrupted };
}

async function writeDown(host: Host, goal: Goal, changes: readonly Change[], journal: Journal): Promise<void> {
  await goal.kept();
  if (goal.entry !== null) await remember(host, goal, goal.entry, changes);
  if (goal.confirm === undefined) return forgetPending(host);
  const until = new Date(Date.now() + goal.confirm * 1000).toISOString();
  const over = (await host.machine.uptime()) + goal.confirm;
  await keepPending(host, { ...journal, until, over, boot: await host.machine.boot() });
}

type Plan = {
  readonly changes: readonly Change[];
  readonly journal: Journal;
};

async function attempt(
  host: Host,
  goal: Goal,
  { changes, journal }: Plan,
  progress: (event: Progress) => void,
  stop?: AbortSignal,
): Promise<void> {
  let begun = false;
  const ready = async (): Promise<void> => {
    await keepSecrets(host, journal.checkpoint);
    await writeJournal(host, journal);
    begun = true;
    await goal.ready?.();
  };
  try {
    await run(host, changes, progress, { stop, ready });
    const differing = async (): Promise<readonly Change[]> => difference(await observe(host), goal.wanted);
    // A restart takes away what hangs on a device; and after an interruption, what was put aside has come back with what it
    // had inside. Neither could be seen by the plan.
    let left = await differing();
    if (left.length > 0) {
      await run(host, left, progress, { stop });
      left = await differing();
    }
    if (left.length > 0)
      throw new OpError('check', `afterwards the host still differs: ${render(left).join('; ')}`, {
        hint: 'Something else may be changing the host.',
      });
  } catch (error) {
    if (!begun) throw error;
    if (!goal.back) {
      await writeJournal(host, { ...journal, held: true });
      throw said(error, 'What is done stays, and is shut. Go on with the same command.');
    }
    await goBack(host, journal, progress).catch((cause: unknown) => {
      const hint = 'Once its cause is gone: op-dbus rollback';
      throw new AggregateError([error, said(wrap('going back to what was there', cause), hint)]);
    });
    throw said(error, 'Nothing is changed: the host is again as it was.');
  }
}

/** A change that was interrupted after it was written down is not written twice. */
async function remember(
  host: Host,
  { action, wanted }: Goal,
  entry: Pick<Entry, 'applied' | 'names'>,
  changes: readonly Change[],
): Promise<void> {
  const last = (await readHistory(host)).at(-1);
  if (same(last?.resources, wanted)) return;
  const at = new Date().toISOString();
  await record(host, { at, action, ...entry, resources: wanted, commands: render(changes) });
}

/** What a container's record names without ours ever having had it is not there to be kept. */
async function keepSecrets(host: Host, resources: readonly Resource[]): Promise<void> {
  for (const one of fingerprints(JSON.stringify(resources)))
    if ((await host.secrets.get(one).catch(() => null)) !== null) await host.secrets.keep([one]);
}

/** The error, or each of several, with one more thing to know. */
function said(error: unknown, more: string): unknown {
  if (error instanceof AggregateError) return new AggregateError(error.errors.map((one: unknown) => said(one, more)));
  if (!(error instanceof OpError)) return error;
  return new OpError(error.code, error.message, {
    ...(error.at === undefined ? {} : { at: error.at }),
    hint: error.hint === undefined ? more : `${error.hint}\n  ${more}`,
    cause: error,
  });
}
