// Keeps the host as it was applied: looks when told to, puts right what differs, and says so.

import { setTimeout as sleep } from 'node:timers/promises';
import { difference } from '../core/plan.ts';
import type { Change, Resource } from '../core/resource.ts';
import type { Host } from '../drivers/host.ts';
import { because, OpError } from '../error.ts';
import { type Applied, lastApplied } from '../engine/applied.ts';
import { goBack } from '../engine/back.ts';
import { expire, remaining } from '../engine/confirm.ts';
import { latest } from '../engine/history.ts';
import { readJournal, readPending } from '../engine/journal.ts';
import { expected } from '../engine/expected.ts';
import { observe } from '../engine/observe.ts';
import { type Progress, render, run } from '../engine/run.ts';
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
  /** Milliseconds of a clock that is never set back. */
  readonly now: () => number;
};

/** Milliseconds until another try while somebody else changes the host. */
const BUSY = 250;
/** What takes longer inside a container is left alone for ten times as long. */
const SLOW = 10_000;

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
  // A change that failed and was to stay so is its author's to go on with.
  if ((await readJournal(host)) !== null) return { state: 'differs', drift: 0, held: [], aim: null, again: null };
  for (;;) {
    const applied = await lastApplied(host).catch(nothing);
    if (applied === null) return { state: 'nothing', drift: 0, held: [], aim: none, again: await untilExpiry(host) };
    const { changes, ...aim } = await drift(host, applied).catch(async (error: unknown) => {
      await keepGround(given, applied).catch(() => {});
      throw error;
    });
    const due = dueOf(given, changes);
    if (due.length === 0) {
      const held = patience.held(now());
      const next = Math.min(...held.map(({ until }) => until - now()), (await untilExpiry(host)) ?? Infinity);
      const again = Number.isFinite(next) ? Math.max(next, 0) : null;
      return { state: changes.length === 0 ? 'kept' : 'differs', drift: changes.length, held, aim, again };
    }
    const done = await given.alone(() => mend(given, applied));
    if (done === null) return { state: 'differs', drift: changes.length, held: [], aim, again: BUSY };
  }
}

/** What was left unfinished is undone, as is what nobody confirmed. @returns milliseconds to wait for somebody else. */
async function recover({ host, alone, tell }: Given): Promise<number | null> {
  const [journal, pending] = await Promise.all([readJournal(host), readPending(host)]);
  if (journal?.held === true) return null;
  if (journal === null && (pending === null || (await remaining(host, pending)) > 0)) return null;
  const done = await alone(async () => {
    const interrupted = await readJournal(host);
    if (interrupted !== null && interrupted.held !== true) {
      await goBack(host, interrupted, quiet);
      tell('warning', `"${interrupted.action}" of ${interrupted.began} was interrupted, and is undone`);
    }
    const undone = await expire(host, quiet);
    if (undone !== null) tell('warning', `"${undone.action}" was not confirmed until ${undone.until}, and is undone`);
    return true;
  });
  return done === null ? BUSY : null;
}

/** Milliseconds. */
async function untilExpiry(host: Host): Promise<number | null> {
  const pending = await readPending(host);
  return pending === null ? null : (await remaining(host, pending)) * 1000;
}

type Drift = Aim & { readonly changes: readonly Change[] };

const none: Aim = { wanted: [], policies: [] };

async function drift(host: Host, applied: Applied): Promise<Drift> {
  const { state, resources } = await expected(host, applied);
  const policies = state.openflow.flow_policies;
  return { wanted: resources, policies, changes: difference(await observe(host), resources) };
}

/** What differs of the ground, as far as it is looked at while containers change: they make their ports themselves. */
async function groundDrift(host: Host, wanted: readonly Resource[]): Promise<readonly Change[]> {
  const among = kinds.slice(0, first).filter(({ name }) => name !== 'port');
  const asked = wanted.filter(({ kind }) => among.some(({ name }) => name === kind));
  return difference(await observe(host, among), asked).filter((change) => container(change) === null);
}

/** What may be put right now. While some of the ground must wait, nothing is started on it. */
function dueOf({ patience, now }: Given, changes: readonly Change[]): readonly Change[] {
  const allowed = (change: Change): boolean => patience.allows(key(change), now());
  const due = changes.filter(allowed);
  return changes.filter(isBelow).every(allowed) ? due : due.filter(isBelow);
}

/** Puts right what shuts and steers. */
async function mendGround(given: Given, wanted: readonly Resource[]): Promise<void> {
  const due = dueOf(given, await groundDrift(given.host, wanted));
  if (due.length === 0) return;
  await run(given.host, due, quiet);
  mended(given, due, 'meanwhile');
}

/** Says what was put right, and of what is so again and again. */
function mended({ patience, tell, now }: Given, part: readonly Change[], when: string): void {
  tell('info', `put right ${when}: ${told(part)}`);
  for (const change of part) {
    const hold = patience.mended(key(change), now(), longest(change));
    if (hold !== null)
      tell('warning', `${hold.what} is changed again and again by somebody else; ${later(hold, now())}`);
  }
}

/**
 * While the rest can't be looked at, or nobody can say what it is to be (a key is not in its folder any more): the ground as
 * the history says that it was made.
 */
async function keepGround(given: Given, { text }: Applied): Promise<void> {
  const entry = await latest(given.host);
  if (entry?.applied.text !== text || (await groundDrift(given.host, entry.resources)).length === 0) return;
  await given.alone(async () => {
    if ((await readJournal(given.host)) === null) await mendGround(given, entry.resources);
  });
}

/** Milliseconds between looks at the ground while a container takes its time. */
const BESIDE = 250;

/** Waits for the work, and does the action again and again meanwhile; what fails of that is left for the next look. */
async function beside(work: Promise<void>, action: () => Promise<void>): Promise<void> {
  const over = work.then(() => true);
  while (!(await Promise.race([over, sleep(BESIDE, false, { ref: false })]))) await action().catch(() => {});
}

/** One try, looked at anew as nobody else is at work. Always true; what failed is held. */
async function mend(given: Given, applied: Applied): Promise<true> {
  const { host, patience, tell, now } = given;
  // Whoever was at work before us may have applied another state, or left a change half done.
  if ((await readJournal(host)) !== null || (await lastApplied(host).catch(nothing))?.text !== applied.text)
    return true;
  const started = now();
  const { changes, wanted } = await drift(host, applied);
  const due = dueOf(given, changes);
  if (due.length === 0) return true;
  // While it lasts no other container is looked after, and no command can be given: root inside may make it last.
  const spare = (part: readonly Change[], took: number): void => {
    if (took < SLOW) return;
    const [hold] = part.map((change) => patience.failed(key(change), now(), longest(change), took * 10));
    if (hold !== undefined)
      tell('warning', `${hold.what} took ${Math.round(took / 1000)} s; ${later(hold, now())} at the earliest`);
  };
  for (const { party, part } of parties(due)) {
    const begun = now();
    try {
      const work = run(host, part, quiet);
      await (party === GROUND ? work : beside(work, () => mendGround(given, wanted)));
    } catch (error) {
      const holds = part.map((change) => patience.failed(key(change), now(), longest(change)));
      tell('error', [because(error), ...holds.slice(0, 1).map((hold) => later(hold, now()))].join('; '));
      if (party === GROUND) return true;
      spare(part, now() - begun);
      continue;
    }
    mended(given, part, `in ${((now() - started) / 1000).toFixed(2)} s`);
    if (party !== GROUND) spare(part, now() - begun);
  }
  return true;
}

const GROUND = '';

/**
 * The ground first, on which the rest stands, then each container by itself, from the exit inwards, then the host's services:
 * what its root keeps from being put right in one stands in nobody else's way.
 */
function parties(due: readonly Change[]): readonly { readonly party: string; readonly part: readonly Change[] }[] {
  const order = ({ before, after }: Change): number => ((after ?? before) as { readonly order?: number }).order ?? 0;
  const inside = due.filter((change) => container(change) !== null).toSorted((a, b) => order(a) - order(b));
  const names = new Set(inside.map((change) => container(change) ?? ''));
  return [
    { party: GROUND, part: due.filter(isBelow) },
    ...[...names].map((party) => ({ party, part: inside.filter((change) => container(change) === party) })),
    { party: 'services', part: due.filter((change) => !isGround(change) && container(change) === null) },
  ].filter(({ part }) => part.length > 0);
}

/** The container in whose hands the resource is; null for what is the host's own. */
function container({ kind, name, before, after }: Change): string | null {
  if (kind === 'container' || (kind === 'filter' && name !== 'host')) return name;
  return kinds.find((one) => one.name === kind)?.within?.(after ?? before)?.name ?? null;
}

/** Whether the resource is of the host itself, which shuts and steers, and not of a container or a service. */
function isGround({ kind: name }: Change): boolean {
  return kinds.findIndex((kind) => kind.name === name) < first;
}

/** The ground without what is a container's own of it. */
function isBelow(change: Change): boolean {
  return isGround(change) && container(change) === null;
}

const first = kinds.findIndex(({ name }) => name === 'container');

/** Milliseconds: what lets packets out is never left alone for long, however often somebody undoes it. */
function longest(change: Change): number {
  return isGround(change) ? 30_000 : 600_000;
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

function nothing(error: unknown): null {
  if (error instanceof OpError && error.code === 'usage') return null;
  throw error;
}

function quiet(_: Progress): void {}
