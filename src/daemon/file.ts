// The state file that was applied last, as somebody edits it: applied when it is good, refused with the reason when not.

import { setTimeout as sleep } from 'node:timers/promises';
import { sealed } from '../core/secret.ts';
import type { Host } from '../drivers/host.ts';
import { because, OpError } from '../error.ts';
import { type Applied, lastApplied } from '../engine/applied.ts';
import { apply } from '../engine/apply.ts';
import { readHistory } from '../engine/history.ts';
import { readJournal, readPending } from '../engine/journal.ts';
import { parsed } from '../engine/load.ts';
import type { Refusal } from '../engine/report.ts';
import { type Tell } from './keeper.ts';

export type Edit = {
  readonly host: Host;
  readonly tell: Tell;
  readonly alone: <T>(action: () => Promise<T>) => Promise<T | null>;
};

/**
 * Why it is looked at: somebody has just written it; the daemon starts; it was come upon, for another state was applied from
 * there, or the watch was lost for a while.
 */
export type Why = 'edited' | 'started' | 'seen';

/** `later`: ask again soon, for another command is at work; or once the change that waits is confirmed or undone. */
export type Taken = { readonly refusal: Refusal | null; readonly later: 'soon' | 'confirmed' | null };

/**
 * Takes the file's content when it was edited; or at the start, when it was never applied before: what was rolled back stays
 * so. `before` is not told again.
 */
export async function takeFile({ host, tell, alone }: Edit, why: Why, before: Refusal | null): Promise<Taken> {
  const applied = await lastApplied(host).catch(() => null);
  const path = applied?.path ?? null;
  if (applied === null || path === null) return done;
  const refuse = (reason: string, later: Taken['later'] = null): Taken => {
    if (before?.path === path && (before.why === reason || why !== 'edited')) return { refusal: before, later };
    tell('error', `${path} is not applied, the state before it is kept: ${reason}`);
    return { refusal: { path, at: new Date().toISOString(), why: reason }, later };
  };
  const text = await written(host, path).catch((error: unknown) => error as Error);
  if (typeof text === 'string' && sealed(text) === applied.text) return done;
  if (text === null) return refuse('it is gone');
  if (text instanceof Error) return refuse(because(text));
  const loose = await host.files.loose(path);
  if (loose !== null)
    return refuse(`others than root can change ${loose}; if it is as you want it: op-dbus apply ${path}`);
  const [journal, pending] = await Promise.all([readJournal(host), readPending(host)]);
  if (journal?.held === true && why !== 'edited')
    return refuse(`"${journal.action}" failed and was to stay so; to go on: op-dbus apply ${path}`);
  if (pending !== null && why === 'edited')
    return refuse(`"${pending.action}" waits to be confirmed until ${pending.until}`, 'confirmed');
  const known = (await readHistory(host)).some((entry) => entry.applied.text === sealed(text));
  if (why === 'seen' || (why === 'started' && known))
    return refuse(`it is another than the state applied last; to have it: op-dbus apply ${path}`);
  try {
    const loaded = parsed({ file: path, text, filesFolder: applied.filesFolder });
    const outcome = await alone(() => still(host, applied, () => apply(host, loaded, () => {}, { by: 'op-dbusd' })));
    if (outcome === null) return { refusal: null, later: 'soon' };
    const { length } = outcome.changes;
    tell('info', `applied ${path}: ${length} change${length === 1 ? '' : 's'}`);
    return done;
  } catch (error) {
    return refuse(because(error));
  }
}

/** Milliseconds for which a file must stay the same: a program may write it in pieces, or remove it first. */
const STILL = 150;

/** The file's content once nobody is writing it; null when there is no file. */
async function written(host: Host, path: string): Promise<string | null> {
  for (let text = await host.files.read(path), rounds = 0; ; rounds += 1) {
    await sleep(STILL);
    const again = await host.files.read(path);
    if (again === text || rounds === 20) return again;
    text = again;
  }
}

const done: Taken = { refusal: null, later: null };

/** @throws OpError when somebody else has applied another state meanwhile. */
async function still<T>(host: Host, applied: Applied, action: () => Promise<T>): Promise<T> {
  const now = await lastApplied(host).catch(() => null);
  if (now?.text !== applied.text) throw new OpError('usage', 'another state was applied meanwhile');
  return action();
}
