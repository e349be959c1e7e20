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
const LASTS = [700, 1300] as const;
const WAIT = 5000;
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
    const all = FAMILIES.flatMap(({ name: family, faults }) => faults.map((fault) => ({ family, fault })));
    const chosen = seeded(seed, 'order').shuffled(all.filter(({ fault }) => fault.name.includes(only)));
    if (chosen.length === 0) throw new OpError('usage', `no fault has "${only}" in its name`);
    const words = { client: marker(), hostile: marker() };
    const general = site(seeded(seed, 'bench'), words);
    const faults: Result[] = [];
    const errors: string[] = [];
    await general.run('client', `${straight} 2>/dev/null || true`);
    await general.run('inet', `nft delete table inet leaks 2>/dev/null; ${mute}`);
    const watch = await startWatch(words);
    // The second one goes past the tunnel: a LAN host that uses home as its router.
    const probers = [
      await startProber('client', words.client),
      await startProber('client', words.client, [CLIENT.address, CLIENT.device]),
    ] as const;
    const bench = { watch, probers, stop };
    try {
      const before = await carries(bench, general, Date.now(), false);
      if (before === null) throw new OpError('check', 'the chain does not carry', { hint: 'Run: op-dbus lab prove' });
      for (const { family, fault } of chosen) {
        const result = await one(bench, family, fault, site(seeded(seed, `${family} ${fault.name}`), words));
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

/** The fault as the host is, and again with its protection off. */
async function one(bench: Bench, family: string, fault: Fault, on: Site): Promise<Result> {
  const tested = await closed(bench, fault, on);
  const anti = await opened(bench, fault, on);
  return {
    name: fault.name,
    family,
    ...tested,
    recovered_by: fault.mend,
    antitest_leaked: anti.seen.length,
    antitest: said(anti.seen),
    opened: fault.protection.name,
    error: [tested.error, anti.error].filter((error) => error !== null).join('; ') || null,
  };
}

async function closed({ watch, probers, stop }: Bench, fault: Fault, on: Site) {
  const from = Date.now();
  let error: string | null = null;
  try {
    await fault.fault(on);
    await sleep(on.random.between(...LASTS), undefined, { signal: stop });
  } catch (cause) {
    stop.throwIfAborted();
    error = wrap('making the fault', cause).message;
  } finally {
    // Also when the bench is interrupted.
    await fault.undo?.(on);
    if (stop.aborted) await whole(fault, on);
  }
  const probes = probers.reduce((sum, prober) => sum + prober.sentSince(from), 0);
  const ended = Date.now();
  await whole(fault, on);
  const recovery_ms = await carries({ watch, probers, stop }, on, ended, fault.session === true);
  await sleep(DRAIN);
  const seen = watch.since(from).filter((one) => judged(fault, one));
  return { leaked: seen.length, leaks: said(seen), probes, recovery_ms, error };
}

/** Waits for the first leak, or until there has been none for too long. */
async function opened(bench: Bench, fault: Fault, on: Site) {
  const { watch, stop } = bench;
  let error: string | null = null;
  let seen: readonly Sighting[] = [];
  try {
    await on.run('home', fault.protection.script);
    const from = Date.now();
    const look = (): boolean => {
      seen = watch.since(from).filter((one) => judged(fault, one));
      return seen.length > 0;
    };
    await fault.fault(on);
    for (let waited = 0; !look() && waited < WAIT; waited += 20) await sleep(20, undefined, { signal: stop });
  } catch (cause) {
    stop.throwIfAborted();
    error = wrap('making the fault for the anti-test', cause).message;
  } finally {
    await fault.undo?.(on);
    await close(fault.protection, on);
    if (fault.mend === 'apply in vps') await whole(fault, on);
  }
  const back = await carries(bench, on, Date.now(), fault.session === true);
  if (back === null) error ??= 'after the anti-test the chain does not carry';
  await quiet(watch);
  return { seen, error };
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
