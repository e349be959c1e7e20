// Status: what was applied last, how each hop of it does now, what differs, and what was interrupted.

import { difference } from '../core/plan.ts';
import type { Resource } from '../core/resource.ts';
import { sealed } from '../core/secret.ts';
import type { Host } from '../drivers/host.ts';
import { LOCK } from '../drivers/lock.ts';
import { because } from '../error.ts';
import { kinds } from '../kinds/index.ts';
import type { Exit, Kind, Part } from '../kinds/kind.ts';
import { type Applied, appliedIfAny } from './applied.ts';
import { expected } from './expected.ts';
import { latest } from './history.ts';
import { type Hop, hopsOf } from './hop.ts';
import { readJournal, readPending } from './journal.ts';
import { observe } from './observe.ts';
import { type Report, readReport } from './report.ts';
import { render } from './run.ts';
import { silent } from './want.ts';

/** Whether it is so, and if not, why: each reason a short phrase. */
export type Answer = { readonly ok: boolean; readonly reasons: readonly string[] };

export type Status = {
  /** Op-dbus can look at the host, and no change was interrupted. */
  readonly live: Answer;
  /** Live, and the host is as the file says, every hop is up, and WARP has answered of late. */
  readonly ready: Answer;
  /** The state applied last; null when there is none. */
  readonly applied: LastApplied | null;
  /** From the clients' end of the chain to its exit, then what is in no chain. */
  readonly hops: readonly Hop[];
  /** What the Internet sees; null when that was not asked for, or there is nobody to ask. */
  readonly exit: Exit | null;
  /** What `op-dbus apply` would change; null when nothing is applied. */
  readonly drift: Drift | null;
  /** A change that has begun and not ended; null when there is none. */
  readonly change: Begun | null;
  /** A change that is undone unless somebody confirms it, and until when; null when there is none. */
  readonly unconfirmed: { readonly action: string; readonly until: string } | null;
  /** What op-dbusd tells of itself; null when it doesn't run. */
  readonly daemon: Omit<Report, 'events'> | null;
  /** What op-dbus could not look at, and why. */
  readonly faults: readonly string[];
};

export type LastApplied = {
  readonly file: string;
  /** When the host was made to be so, ISO 8601 in UTC, and the history's entry of it; null: not known. */
  readonly at: string | null;
  readonly entry: number | null;
  /** Whether the file has another text by now. */
  readonly edited: boolean;
};

/** `differ` counts resources; null with the reason when it can't be told. */
export type Drift = {
  readonly differ: number | null;
  /** The first commands, as `diff` prints them. */
  readonly commands: readonly string[];
  readonly why: string | null;
};

export type Begun = {
  readonly action: string;
  /** ISO 8601 in UTC. */
  readonly began: string;
  /** Whether a command is at it now; else it was interrupted. */
  readonly running: boolean;
  /** What ends it, each a command; none while it is running. */
  readonly mend: readonly string[];
};

export type Options = {
  /** Seconds for the question what the Internet sees; null: it isn't asked. */
  readonly exit: number | null;
};

const NOTHING = 'nothing has been applied on this host';

/** Of a machine on which op-dbus has never done anything. */
export const untouched: Status = {
  live: { ok: true, reasons: [] },
  ready: { ok: false, reasons: [NOTHING] },
  applied: null,
  hops: [],
  exit: null,
  drift: null,
  change: null,
  unconfirmed: null,
  daemon: null,
  faults: [],
};

/** Reads only, asks for no name, and all side by side. Does not fail: what can't be looked at is a reason not to be live. */
export async function status(host: Host, { exit }: Options): Promise<Status> {
  const looked = attempt(observe(host));
  const begins = attempt(begun(host));
  const [applied, entry, pending, daemon] = await Promise.all([
    attempt(appliedIfAny(host)),
    attempt(latest(host)),
    attempt(waiting(host)),
    attempt(running(host)),
  ]);
  const last = valueOf(applied);
  const edited = last !== null && (await isEdited(host, last));
  const newest = valueOf(entry);
  const asks = last === null ? null : attempt(wantedNow(host, last));
  const wanted = last === null ? [] : (newest?.resources ?? valueOf(await asks) ?? []);
  const [found, change, asked, parts, seen] = await Promise.all([
    looked,
    begins,
    asks,
    partsOf(host, wanted),
    exit === null ? null : exitOf(host, wanted, exit),
  ]);
  const drift = asked === null ? null : driftOf(found, asked);
  const live = liveBy(found, change, applied);
  const hops = hopsOf(wanted, parts);
  return {
    live,
    ready: readyBy(live, last, hops, drift, valueOf(change), valueOf(daemon)),
    applied: last === null ? null : { file: last.file, at: newest?.at ?? null, entry: newest?.number ?? null, edited },
    hops,
    exit: seen,
    drift,
    change: valueOf(change),
    unconfirmed: valueOf(pending),
    daemon: valueOf(daemon),
    faults: faultsOf([found, change, applied, pending]),
  };
}

/** Whether op-dbus can look at the host and no change was interrupted; asks no hop. */
export async function live(host: Host): Promise<Answer> {
  const [found, change, applied] = await Promise.all([
    attempt(observe(host)),
    attempt(begun(host)),
    attempt(appliedIfAny(host)),
  ]);
  return liveBy(found, change, applied);
}

type Attempt<T> = { readonly value: T } | { readonly why: string };

async function attempt<T>(action: Promise<T>): Promise<Attempt<T>> {
  try {
    return { value: await action };
  } catch (error) {
    return { why: because(error) };
  }
}

function valueOf<T>(tried: Attempt<T> | null): T | null {
  return tried !== null && 'value' in tried ? tried.value : null;
}

/** What the state asks for. A name that apply did not keep is not asked for now: the question would go out in clear. */
async function wantedNow(host: Host, applied: Applied): Promise<readonly Resource[]> {
  return (await expected(silent(host), applied)).resources;
}

/** Only what is there twice, with nobody at work between, was interrupted: a change may just have ended. */
async function begun(host: Host): Promise<Begun | null> {
  if ((await readJournal(host)) === null) return null;
  const running = await host.machine.held(LOCK);
  const journal = await readJournal(host);
  if (journal === null) return null;
  const { action, began } = journal;
  return { action, began, running, mend: running ? [] : ['op-dbus rollback', `op-dbus ${action}`] };
}

async function isEdited({ files }: Host, { path, text }: Applied): Promise<boolean> {
  if (path === undefined || path === null) return false;
  const now = await files.read(path).catch(() => null);
  return now === null || sealed(now) !== text;
}

async function waiting(host: Host): Promise<Status['unconfirmed']> {
  const pending = await readPending(host);
  return pending === null ? null : { action: pending.action, until: pending.until };
}

async function running(host: Host): Promise<Status['daemon']> {
  const report = await readReport(host);
  if (report === null) return null;
  const { events: _, ...rest } = report;
  return rest;
}

/** What each kind says of its resources. */
export async function partsOf(
  host: Host,
  wanted: readonly Resource[],
  among: readonly Kind<unknown>[] = kinds,
): Promise<readonly Part[]> {
  const found = among.map(async (kind) => (await kind.status?.(host, of(kind, wanted))) ?? []);
  return (await Promise.all(found)).flat();
}

async function exitOf(host: Host, wanted: readonly Resource[], seconds: number): Promise<Exit | null> {
  const found = kinds.map(async (kind) => (await kind.exit?.(host, of(kind, wanted), seconds)) ?? null);
  return (await Promise.all(found)).find((one) => one !== null) ?? null;
}

function of({ name }: { readonly name: string }, wanted: readonly Resource[]): readonly Resource[] {
  return wanted.filter(({ kind }) => kind === name);
}

/** How many commands are shown. */
const FEW = 4;

function driftOf(found: Attempt<readonly Resource[]>, asked: Attempt<readonly Resource[]>): Drift {
  if (!('value' in asked)) return { differ: null, commands: [], why: asked.why };
  if (!('value' in found)) return { differ: null, commands: [], why: found.why };
  const changes = difference(found.value, asked.value);
  return { differ: changes.length, commands: render(changes).slice(0, FEW), why: null };
}

function liveBy(found: Attempt<unknown>, change: Attempt<Begun | null>, applied: Attempt<unknown>): Answer {
  const left = valueOf(change);
  const reasons = [
    ...faultsOf([found, change, applied]),
    ...(left === null || left.running ? [] : [interrupted(left)]),
  ];
  return { ok: reasons.length === 0, reasons };
}

function faultsOf(looks: readonly Attempt<unknown>[]): readonly string[] {
  return looks.flatMap((look) => ('why' in look ? [look.why] : []));
}

function interrupted({ action, mend }: Begun): string {
  return `"${action}" was interrupted: ${mend.join(', or ')}`;
}

function readyBy(
  { reasons: dead }: Answer,
  applied: Applied | null,
  hops: readonly Hop[],
  drift: Drift | null,
  change: Begun | null,
  daemon: Status['daemon'],
): Answer {
  const count = drift?.differ ?? 0;
  const reasons = [
    ...dead,
    ...(applied === null && dead.length === 0 ? [NOTHING] : []),
    ...(change?.running ? [`"${change.action}" is under way`] : []),
    ...hops.flatMap(({ name, waiting }) => (waiting === null ? [] : [`${name} waits for ${waiting}`])),
    ...(count > 0 ? [`${count} thing${count === 1 ? ' differs' : 's differ'} from the file`] : []),
    ...(daemon?.shut === true ? ['forwarding is shut since the boot'] : []),
    ...(drift?.differ === null && dead.length === 0 ? [`what differs is not known: ${drift.why}`] : []),
  ];
  return { ok: reasons.length === 0, reasons };
}
