// `op-dbus lab prove --leaks`: one fault after the other, each first as the host is and then with its protection switched off.

import { setTimeout as sleep } from 'node:timers/promises';
import { OpError, wrap } from '../../error.ts';
import { answersAgain } from '../prove/closed.ts';
import { type Prober, startProber } from '../prove/prober.ts';
import { marker, tally } from '../prove/row.ts';
import { locked } from '../record.ts';
import { FAMILIES } from './faults.ts';
import type { Fault } from './fault.ts';
import { close } from './opening.ts';
import { seeded } from './random.ts';
import { newSession, type Site, site, STATE } from './site.ts';
import { type Sighting, startWatch, type Watch } from './watch.ts';
import { TARGET } from '../topology.ts';

export type Result = {
  readonly name: string;
  readonly family: string;
  /** Frames that may not be where they were seen, from the fault until all was whole again; and what they were. */
  readonly leaked: number;
  readonly leaks: string;
  /** How many probes the client sent while the fault lasted, pings not counted. */
  readonly probes: number;
  /** Milliseconds from the end of the fault until the client was answered by every way again; null when it wasn't. */
  readonly recovery_ms: number | null;
  readonly recovered_by: Fault['mend'];
  /** Forbidden frames seen with the protection off; which that was, and what they were. */
  readonly antitest_leaked: number;
  readonly antitest: string;
  readonly opened: string;
  /** What went wrong with the fault itself. */
  readonly error: string | null;
};

export type Report = {
  readonly seed: number;
  readonly ok: boolean;
  readonly faults: readonly Result[];
  /** What didn't hold at the end: a capture that missed frames, a host that is not as its file says. */
  readonly errors: readonly string[];
};

export type LeakOptions = {
  readonly seed: number;
  /** Only faults whose name holds this. */
  readonly only?: string;
  readonly tell: (result: Result) => void;
  readonly stop: AbortSignal;
};

/** How long a fault lasts, in milliseconds, by the seed; how long an anti-test waits for a leak. */
const LASTS = [500, 900] as const;
const WAIT = 4000;
/** How long the frames of a fault that is over at once may take; how many faults share one opening at most. */
const OVER = 250;
const TOGETHER = 6;
/** What was sent last may still be on its way to a capture. */
const DRAIN = 120;
const CLIENT = { address: '192.168.50.2', device: 'eth0' } as const;
const straight = `ip rule add from ${CLIENT.address} lookup main priority 100`;
/** Target's answers to what has leaked never come back to home: they would be seen long after the anti-test is over. */
const mute = `nft 'table inet leaks { chain back { type filter hook forward priority 0; oifname "home" ip saddr ${TARGET.ip} drop; oifname "home" ip6 saddr ${TARGET.ip6} drop; }; }'`;

type Bench = { readonly watch: Watch; readonly probers: readonly [Prober, Prober]; readonly stop: AbortSignal };

export function holds({ leaked, recovery_ms, antitest_leaked, error }: Result): boolean {
  return leaked === 0 && recovery_ms !== null && antitest_leaked > 0 && error === null;
}

/**
 * Runs the faults in the order that the seed gives, on a lab that is up, and leaves it whole. @throws `stop`'s reason once it was
 * raised: what was switched off is on again then.
 */
export async function proveLeaks({ seed, only = '', tell, stop }: LeakOptions): Promise<Report> {
  return locked(async () => {
    const entries = FAMILIES.flatMap(({ name: family, faults }) => faults.map((fault) => ({ family, fault })));
    const chosen = seeded(seed, 'order').shuffled(entries.filter(({ fault }) => fault.name.includes(only)));
    if (chosen.length === 0) throw new OpError('usage', `no fault has "${only}" in its name`);
    const words = { client: marker(), lan: marker(), hostile: marker() };
    const own = ({ family, fault }: Entry): Site => site(seeded(seed, `${family} ${fault.name}`), words);
    const general = site(seeded(seed, 'bench'), words);
    const faults: Result[] = [];
    const errors: string[] = [];
    await general.run('client', `${straight} 2>/dev/null || true`);
    await general.run('inet', `nft delete table inet leaks 2>/dev/null; ${mute}`);
    const watch = await startWatch(words);
    // The second one goes past the tunnel: a LAN host that uses home as its router.
    const probers = [
      await startProber('client', words.client),
      await startProber('client', words.lan, [CLIENT.address, CLIENT.device]),
    ] as const;
    const bench = { watch, probers, stop };
    try {
      const before = await carries(bench, general, Date.now(), false);
      if (before === null) throw new OpError('check', 'the chain does not carry', { hint: 'Run: op-dbus lab prove' });
      for (const group of groups(chosen.map((entry) => ({ ...entry, on: own(entry) }))))
        for (const result of await together(bench, group)) {
          faults.push(result);
          tell(result);
        }
    } finally {
      await general.run('client', `ip rule del from ${CLIENT.address} lookup main priority 100 || true`);
      await general.run('inet', 'nft delete table inet leaks 2>/dev/null || true');
      await Promise.all(probers.map((prober) => prober.stop()));
      await watch.stop().catch((error: unknown) => errors.push(wrap('watching', error).message));
    }
    for (const host of ['home', 'vps'] as const)
      await general
        .run(host, `op-dbus diff ${STATE}`)
        .catch((error: unknown) => errors.push(wrap(host, error).message));
    return { seed, ok: faults.every(holds) && errors.length === 0, faults, errors };
  });
}

type Entry = { readonly family: string; readonly fault: Fault };
type Placed = Entry & { readonly on: Site };

/** In their order; those that leave everything as it is, and switch the same off, are taken together, a few at a time. */
function groups(entries: readonly Placed[]): readonly (readonly Placed[])[] {
  const found: Placed[][] = [];
  for (const one of entries) {
    const shares = (group: readonly Placed[]): boolean =>
      group.length < TOGETHER &&
      group.every(
        ({ family, fault: { mend, protection } }) =>
          family === one.family && mend === 'itself' && protection === one.fault.protection,
      );
    const group = one.fault.mend === 'itself' ? found.find(shares) : undefined;
    if (group === undefined) found.push([one]);
    else group.push(one);
  }
  return found;
}

/** Each fault as the host is, and then each again with the protection off. */
async function together(bench: Bench, group: readonly Placed[]): Promise<readonly Result[]> {
  const tested: Awaited<ReturnType<typeof closed>>[] = [];
  for (const { fault, on } of group) tested.push(await closed(bench, fault, on));
  const anti = await opened(bench, group);
  return group.flatMap(({ family, fault }, at) => {
    const [one, other] = [tested[at], anti[at]];
    if (one === undefined || other === undefined) return [];
    return {
      name: fault.name,
      family,
      ...one,
      recovered_by: fault.mend,
      antitest_leaked: other.seen.length,
      antitest: said(other.seen),
      opened: fault.protection.name,
      error: all(one.error, other.error),
    };
  });
}

async function closed(bench: Bench, fault: Fault, on: Site) {
  const { watch, probers, stop } = bench;
  const from = Date.now();
  const made = await tried('making the fault', async () => {
    await fault.fault(on);
    await sleep(fault.over ? OVER : on.random.between(...LASTS), undefined, { signal: stop });
  });
  const probes = probers.reduce((sum, prober) => sum + prober.sentSince(from), 0);
  // Also when the bench is interrupted.
  const undone = await tried('taking it back', async () => fault.undo?.(on));
  const ended = Date.now();
  const mended = await tried('making all whole', () => whole(fault, on));
  stop.throwIfAborted();
  const recovery_ms = await carries(bench, on, ended, fault.session === true);
  await sleep(DRAIN);
  const seen = watch.since(from).filter((one) => judged(fault, one));
  return { leaked: seen.length, leaks: said(seen), probes, recovery_ms, error: all(made, undone, mended) };
}

type Opened = { readonly seen: readonly Sighting[]; readonly error: string | null };

/** Switches the group's protection off, makes each fault again until what has to leak does, and switches it on again. */
async function opened(bench: Bench, group: readonly Placed[]): Promise<readonly Opened[]> {
  const [first] = group;
  if (first === undefined) return [];
  const { fault, on } = first;
  const found: Opened[] = [];
  const off = await tried(`switching off ${fault.protection.name}`, () => on.run('home', fault.protection.script));
  for (const one of group) if (!bench.stop.aborted) found.push(await leaking(bench, one));
  const shut = await tried('switching it on again', () => close(fault.protection, on));
  const mended = await tried('making all whole', async () => {
    if (fault.mend === 'apply in vps') await whole(fault, on);
  });
  bench.stop.throwIfAborted();
  const back = await carries(bench, on, Date.now(), fault.session === true);
  await quiet(bench.watch);
  const carried = back === null ? 'the chain does not carry after the anti-test' : null;
  return found.map(({ seen, error }) => ({ seen, error: all(off, error, shut, mended, carried) }));
}

/** Waits for the first leak, or until there has been none for too long. */
async function leaking({ watch, stop }: Bench, { fault, on }: Placed): Promise<Opened> {
  const from = Date.now();
  const sees = fault.sees ?? fault.protection.sees;
  const seen = (): readonly Sighting[] => watch.since(from).filter(({ place, what }) => sees.test(`${place}: ${what}`));
  const made = await tried('making the fault for the anti-test', async () => {
    // What the fault before has taught a switch that learns.
    await on.run('home', 'ovs-appctl fdb/flush ovsbr0 >/dev/null 2>&1 || true');
    await fault.fault(on);
    for (let waited = 0; seen().length === 0 && waited < WAIT; waited += 20)
      await sleep(20, undefined, { signal: stop });
  });
  const undone = await tried('taking back the fault of the anti-test', async () => fault.undo?.(on));
  return { seen: seen(), error: all(made, undone) };
}

/** What went wrong with a step, in a sentence; null when nothing did. The steps after it are done all the same. */
async function tried(what: string, step: () => Promise<unknown>): Promise<string | null> {
  try {
    await step();
    return null;
  } catch (error) {
    return wrap(what, error).message;
  }
}

function all(...errors: readonly (string | null)[]): string | null {
  return errors.filter((error) => error !== null).join('; ') || null;
}

async function whole({ mend }: Fault, { run }: Site): Promise<void> {
  if (mend !== 'itself') await run(mend === 'apply' ? 'home' : 'vps', `op-dbus apply ${STATE} >/dev/null`);
}

/** Waits until the client is answered by every way. @returns after how many milliseconds since `since`, null when it isn't. */
async function carries({ probers, stop }: Bench, on: Site, since: number, session: boolean): Promise<number | null> {
  if (session) await newSession(on);
  const settled = { done: false };
  // A client whose session is dead only notices after 15 s: this is about the host, not about that.
  const helped = (async (): Promise<void> => {
    for (let waited = 0; !settled.done; waited += 100) {
      await sleep(100);
      if (waited > 0 && waited % 3000 === 0 && !settled.done) await newSession(on);
    }
  })();
  const { ok } = await answersAgain(probers[0], Date.now());
  settled.done = true;
  await helped;
  stop.throwIfAborted();
  return ok ? Date.now() - since : null;
}

/** What has leaked may be answered for a while. */
async function quiet(watch: Watch): Promise<void> {
  for (let waited = 0; waited < 5000 && watch.since(Date.now() - 300).length > 0; waited += 50) await sleep(50);
}

function judged({ judged: where, allows }: Fault, { place, what }: Sighting): boolean {
  if (where === 'uplinks' && place.startsWith('port ')) return false;
  return allows?.test(`${place}: ${what}`) !== true;
}

/** Ports of probes differ each time: left out, equal things are counted. */
function said(seen: readonly Sighting[]): string {
  if (seen.length === 0) return '';
  return tally(seen.map(({ place, what }) => `${place}: ${what.replaceAll(/:\d{5}\b/g, '')}`));
}
