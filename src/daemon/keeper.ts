// Keeps the host as it was applied: looks when told to, puts right what differs, and says so.

import { difference } from '../core/plan.ts';
import type { Change } from '../core/resource.ts';
import type { Host } from '../drivers/host.ts';
import { OpError } from '../error.ts';
import { type Applied, knownNames, lastApplied } from '../engine/applied.ts';
import { goBack } from '../engine/back.ts';
import { expire } from '../engine/confirm.ts';
import { readJournal, readPending } from '../engine/journal.ts';
import { parsed } from '../engine/load.ts';
import { observe } from '../engine/observe.ts';
import { type Progress, render, run, stages } from '../engine/run.ts';
import { want } from '../engine/want.ts';
import { kinds } from '../kinds/index.ts';
import type { Aim } from './object.ts';
import type { Hold, Patience } from './patience.ts';

type Level = 'info' | 'warning' | 'error';
export type Tell = (level: Level, text: string) => void;

/** What the host was found to be. */
export type Finding = {
  /** Nothing was applied; as it was applied; something differs and is held or could not be put right. */
  readonly state: 'nothing' | 'kept' | 'differs';
  /** How many resources differ still. */
  readonly drift: number;
  readonly held: readonly Hold[];
  /** The file applied last, as it was given. */
  readonly applied: string | null;
  /** Until when somebody has to confirm it, ISO 8601 in UTC; null when nothing waits for that. */
  readonly unconfirmed: string | null;
  /** What the host is to be; null when that could not be said. */
  readonly aim: Aim | null;
  /** Milliseconds until it should be looked at again though nothing tells; null: when something does. */
  readonly again: number | null;
};

export type Given = {
  readonly host: Host;
  readonly patience: Patience;
  readonly tell: Tell;
  /** Runs the action while no other command changes the host; null when one does. */
  readonly alone: <T>(action: () => Promise<T>) => Promise<T | null>;
  readonly now: () => number;
};

/** Milliseconds until another try while somebody else changes the host. */
const BUSY = 250;

/** Looks once, and puts right what it may. @throws OpError when the host can't be looked at: try again later. */
export async function keep(given: Given): Promise<Finding> {
  const finding = await look(given);
  const [applied, pending] = [await lastApplied(given.host).catch(nothing), await readPending(given.host)];
  return { ...finding, applied: applied?.file ?? null, unconfirmed: pending?.until ?? null };
}

async function look(given: Given): Promise<Omit<Finding, 'applied' | 'unconfirmed'>> {
  const { host, patience, now } = given;
  const waiting = await recover(given);
  if (waiting !== null) return { state: 'differs', drift: 0, held: [], aim: null, again: waiting };
  for (;;) {
    const applied = await lastApplied(host).catch(nothing);
    if (applied === null) return { state: 'nothing', drift: 0, held: [], aim: none, again: await untilExpiry(given) };
    const { changes, ...aim } = await drift(host, applied);
    const due = changes.filter((change) => patience.allows(key(change), now()));
    if (due.length === 0) {
      const held = patience.held(now());
      const next = Math.min(...held.map(({ until }) => until - now()), (await untilExpiry(given)) ?? Infinity);
      const again = Number.isFinite(next) ? Math.max(next, 0) : null;
      return { state: changes.length === 0 ? 'kept' : 'differs', drift: changes.length, held, aim, again };
    }
    const done = await given.alone(() => mend(given, applied));
    if (done === null) return { state: 'differs', drift: changes.length, held: [], aim, again: BUSY };
  }
}

/** What was left unfinished is undone, as is what nobody confirmed. @returns milliseconds to wait for somebody else. */
async function recover({ host, alone, tell, now }: Given): Promise<number | null> {
  const [journal, pending] = await Promise.all([readJournal(host), readPending(host)]);
  const over = pending !== null && Date.parse(pending.until) <= now();
  const booted = pending !== null && pending.boot !== (await host.machine.boot());
  if ((journal === null || journal.held === true) && !over && !booted) return null;
  const done = await alone(async () => {
    const interrupted = await readJournal(host);
    if (interrupted !== null && interrupted.held !== true) {
      await goBack(host, interrupted, quiet);
      tell('warning', `"${interrupted.action}" of ${interrupted.began} was interrupted, and is undone`);
    }
    const undone = await expire(host, quiet, now());
    if (undone !== null) tell('warning', `"${undone.action}" was not confirmed until ${undone.until}, and is undone`);
    return true;
  });
  return done === null ? BUSY : null;
}

async function untilExpiry({ host, now }: Given): Promise<number | null> {
  const pending = await readPending(host);
  return pending === null ? null : Math.max(0, Date.parse(pending.until) - now());
}

type Drift = Aim & { readonly changes: readonly Change[] };

const none: Aim = { wanted: [], policies: [] };

async function drift(host: Host, applied: Applied): Promise<Drift> {
  const { state, filesFolder } = parsed(applied);
  const { resources } = await want(host, state, filesFolder, await knownNames(host));
  const policies = state.openflow.flow_policies;
  return { wanted: resources, policies, changes: difference(await observe(host), resources) };
}

/** One try, looked at anew as nobody else is at work. Always true; what failed is held. */
async function mend({ host, patience, tell, now }: Given, applied: Applied): Promise<true> {
  // Whoever was at work before us may have applied another state, or left a change half done.
  if ((await readJournal(host)) !== null || (await lastApplied(host).catch(nothing))?.text !== applied.text)
    return true;
  const started = now();
  const { changes } = await drift(host, applied);
  const due = changes.filter((change) => patience.allows(key(change), now()));
  if (due.length === 0) return true;
  let stage = '';
  const failed = await run(host, due, (event) => {
    if (event.event === 'begin') stage = event.stage;
  }).then(
    () => null,
    (error: unknown) => error,
  );
  if (failed === null) {
    tell('info', `put right in ${((now() - started) / 1000).toFixed(2)} s: ${told(due)}`);
    for (const change of due) {
      const hold = patience.mended(key(change), now());
      if (hold !== null)
        tell('warning', `${hold.what} is changed again and again by somebody else; ${later(hold, now())}`);
    }
    return true;
  }
  const guilty = blamed(due, stage);
  const holds = guilty.map((change) => patience.failed(key(change), now()));
  const [first] = holds;
  tell('error', `${because(failed)}${first === undefined ? '' : `; ${later(first, now())}`}`);
  return true;
}

/**
 * What is held after a failure: what the failed stage was about when that is inside a container or one; all, when the
 * switch or a filter could not be put right, for the rest rests on it.
 */
function blamed(due: readonly Change[], stage: string): readonly Change[] {
  const name = stage.split(' ')[0];
  const found = stages(due).find(
    ({ kind, batch }) => kind.name === name && batch.some((one) => stage.includes(one.name)),
  );
  const apart = found !== undefined && (found.kind.name === 'container' || found.kind.within !== undefined);
  return apart ? found.batch : due;
}

function key({ kind, name }: Change): string {
  return `${kind} ${name}`;
}

/** The order in which they run, the first commands in full. */
function told(changes: readonly Change[]): string {
  const commands = render(changes);
  const order = kinds.map((kind) => kind.name);
  const names = changes.toSorted((a, b) => order.indexOf(a.kind) - order.indexOf(b.kind)).map(key);
  const more = commands.length > 2 ? `; ${commands.length - 2} more` : '';
  return `${names.join(', ')} (${commands.slice(0, 2).join('; ')}${more})`;
}

function later({ until }: Hold, now: number): string {
  return `again in ${Math.round((until - now) / 1000)} s`;
}

export function because(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(because).join('; ');
  if (error instanceof OpError && error.at !== undefined) return `${error.at}: ${error.message}`;
  return error instanceof Error ? error.message : String(error);
}

function nothing(error: unknown): null {
  if (error instanceof OpError && error.code === 'usage') return null;
  throw error;
}

function quiet(_: Progress): void {}
