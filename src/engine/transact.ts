// A change of the host, whole or not at all: checkpoint, run, look again, keep; or go back to the checkpoint.

import { same, difference } from '../core/plan.ts';
import type { Change, Resource } from '../core/resource.ts';
import { fingerprints } from '../core/secret.ts';
import type { Host } from '../drivers/host.ts';
import { OpError, wrap } from '../error.ts';
import { type Entry, readHistory, record, secretsOf } from './history.ts';
import { closeJournal, type Journal, readJournal, writeJournal } from './journal.ts';
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
  /** What the history says of the state that this leads to; null when it leads out of it. */
  readonly entry: Pick<Entry, 'applied' | 'names'> | null;
  /** Whether a failure leads back to what was there. Else what is done stays, and the next command goes on. */
  readonly back: boolean;
};

export type Outcome = {
  readonly changes: readonly Change[];
  /** An earlier change that was interrupted, and which this one has finished or superseded. */
  readonly interrupted: Journal | null;
};

/**
 * Makes the host be as wanted. A process that is killed on the way leaves a journal: the next change goes on from what is
 * there, and leads back, when it fails, to what was there before the first of them.
 * @throws OpError of what failed; its hint says that the host is as before. AggregateError of both when it is not.
 */
export async function transact(
  host: Host,
  goal: Goal,
  progress: (event: Progress) => void,
  stop?: AbortSignal,
): Promise<Outcome> {
  const [interrupted, found] = await Promise.all([readJournal(host), observe(host)]);
  const changes = difference(found, goal.wanted);
  if (changes.length > 0 || interrupted !== null) {
    const checkpoint = interrupted?.checkpoint ?? found;
    // A history that can't be read is found out now, not when all is done.
    if (goal.entry !== null) await readHistory(host);
    // What an interrupted change has put aside is needed to go back.
    if (interrupted === null) await host.containers.tidy();
    await attempt(host, goal, { changes, checkpoint }, progress, stop);
  }
  await goal.kept();
  if (changes.length === 0 && interrupted === null) return { changes, interrupted };
  if (goal.entry !== null) await remember(host, goal, goal.entry, changes);
  await settle(host, goal.wanted);
  return { changes, interrupted };
}

type Plan = { readonly changes: readonly Change[]; readonly checkpoint: readonly Resource[] };

async function attempt(
  host: Host,
  goal: Goal,
  { changes, checkpoint }: Plan,
  progress: (event: Progress) => void,
  stop?: AbortSignal,
): Promise<void> {
  let begun = false;
  const ready = async (): Promise<void> => {
    await keepSecrets(host, checkpoint);
    const { action } = goal;
    await writeJournal(host, { version: 1, action, began: new Date().toISOString(), checkpoint });
    begun = true;
    await goal.ready?.();
  };
  try {
    await run(host, changes, progress, { stop, ready });
    const left = difference(await observe(host), goal.wanted);
    if (left.length > 0)
      throw new OpError('check', `afterwards the host still differs: ${render(left).join('; ')}`, {
        hint: 'Something else may be changing the host.',
      });
  } catch (error) {
    if (!begun) throw error;
    if (!goal.back) throw said(error, 'What is done stays, and is shut. Go on with the same command.');
    await goBack(host, checkpoint, progress).catch((cause: unknown) => {
      const hint = 'Once its cause is gone: op-dbus rollback';
      throw new AggregateError([error, said(wrap('going back to what was there', cause), hint)]);
    });
    throw said(error, 'Nothing is changed: the host is again as it was.');
  }
}

/**
 * Makes the host be as the checkpoint says, and forgets the journal.
 * @throws OpError when it can't: the journal stays.
 */
export async function goBack(
  host: Host,
  checkpoint: readonly Resource[],
  progress: (event: Progress) => void,
): Promise<readonly Change[]> {
  const changes = difference(await observe(host), checkpoint);
  await run(host, changes, progress);
  const left = difference(await observe(host), checkpoint);
  if (left.length > 0) throw new OpError('check', `it still differs: ${render(left).join('; ')}`);
  await settle(host, checkpoint);
  await host.files.sweep('/var/lib/op-dbus');
  return changes;
}

/** From here on there is no way back by the journal: what it needed goes. */
async function settle(host: Host, resources: readonly Resource[]): Promise<void> {
  await host.secrets.retain([...fingerprints(JSON.stringify(resources)), ...(await secretsOf(host))]);
  await closeJournal(host);
  await host.containers.tidy();
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
