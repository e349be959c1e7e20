// op-dbusd: one process that keeps the host as the state file says. It sleeps until something changes.

import { setTimeout as sleep } from 'node:timers/promises';
import type { Host } from '../drivers/host.ts';
import { because } from '../error.ts';
import { MARK } from '../drivers/ovsdb/contract.ts';
import type { Resource } from '../core/resource.ts';
import { type Event, type Refusal, type Report, reportPath } from '../engine/report.ts';
import { lastApplied } from '../engine/applied.ts';
import { isShut, reopen } from '../engine/boot/block.ts';
import { onBus } from './bus.ts';
import { takeFile, type Why } from './file.ts';
import { follow, type Source } from './follow.ts';
import { health } from './health.ts';
import { type Finding, keep, type Tell } from './keeper.ts';
import { patience } from './patience.ts';

export type DaemonGiven = {
  readonly host: Host;
  readonly stop: AbortSignal;
  readonly alone: <T>(action: () => Promise<T>) => Promise<T | null>;
  readonly log: (event: Event) => void;
  readonly version: string;
  /** Called once: the host was looked at, and what could be was put right, or it can't be looked at yet. */
  readonly ready: () => Promise<void>;
};

/** Milliseconds: what comes together is looked at together; and without any event it looks as rarely as this. */
const SETTLE = 20;
/** At most, doubled with each look after which it was not quiet for long: a container may make changes without end. */
const SETTLE_LONGEST = 1000;
const RARELY = 60_000;
const PULSE = 1000;
/** Between tries while the host can't be looked at. */
const BLIND = [100, 250, 500, 1000, 2000, 5000] as const;
/** So many such tries are made before it is told. */
const PATIENT = 4;
const KEPT_EVENTS = 50;

/** Runs until `stop` is raised; leaves the data path as it is. */
export async function daemon({ host, stop, alone, log, version, ready }: DaemonGiven): Promise<void> {
  const wake = alarm(stop);
  const started = new Date().toISOString();
  const events: Event[] = [];
  let published = '';
  let refused: Refusal | null = null;
  /** Null: not known. Nothing shuts it later. */
  let shut = await isShut(host).catch(() => null);
  /** Whether the file is to be looked at, and why. */
  const ahead: { file: Why | null; confirmed: Why | null } = { file: 'started', confirmed: null };
  const tell: Tell = (level, text) => {
    // What a program in a container says may be in it: without end, or with what no bus takes.
    const event = { at: new Date().toISOString(), level, text: short(text) };
    events.push(event);
    if (events.length > KEPT_EVENTS) events.shift();
    log(event);
    bus?.event(event);
  };
  const given = { host, patience: patience(), tell, alone, now: steady };
  const following = follow(wake.ring);
  const hops = health(given);
  const edited = (): void => {
    ahead.file = 'edited';
    given.patience.forget();
    wake.ring();
  };
  const seen = (): void => {
    ahead.file ??= 'seen';
    wake.ring();
  };
  const reported = (state: Report['state'], finding: Finding | null): Report => ({
    pid: process.pid,
    started,
    state,
    drift: finding?.drift ?? 0,
    shut: shut === true,
    held: (finding?.held ?? []).map((one) => ({ ...one, until: new Date(one.until).toISOString() })),
    refused,
    failing: hops.failing(),
    applied: finding?.applied ?? null,
    unconfirmed: finding?.unconfirmed ?? null,
    deaf: following.deaf(),
    events,
  });
  let report = reported('looking', null);
  const bus = onBus({ host, version, alone, report: () => report }, tell, stop);
  const publish = async (state: Report['state'], finding: Finding | null): Promise<void> => {
    report = reported(state, finding);
    bus.update(report, finding?.aim ?? null);
    const text = `${JSON.stringify({ version: 1, ...report }, null, 2)}\n`;
    if (text === published) return;
    // A /run that is full keeps nothing from being put right.
    published = await host.files.write(reportPath, text).then(
      () => text,
      () => '',
    );
  };

  /** What stands as it should; whether it carries as well is looked at beside the rest, for it may take seconds. */
  let standing: readonly Resource[] | null = null;
  const pulse = setInterval(() => {
    if (standing !== null) void hops.look(standing).then((news) => news && wake.ring());
  }, PULSE);

  tell('info', `started, process ${process.pid}`);
  if (shut) tell('warning', 'forwarding is shut since the boot, until the host is as it was applied');
  await publish('looking', null);
  let blind = 0;
  let settle = SETTLE;
  let looked = false;
  let last: Finding['state'] | null = null;
  try {
    while (!stop.aborted) {
      let again: number | null = null;
      try {
        const why = ahead.file;
        if (why !== null) {
          ahead.file = null;
          const taken = await takeFile(given, why, refused);
          refused = taken.refusal;
          if (taken.later === 'soon') ahead.file ??= why;
          ahead.confirmed = taken.later === 'confirmed' ? why : null;
        }
        const finding = await keep(given);
        if (finding.unconfirmed === null && ahead.confirmed !== null) {
          ahead.file ??= ahead.confirmed;
          ahead.confirmed = null;
        }
        if (blind >= PATIENT) tell('info', 'the host can be looked at again');
        blind = 0;
        if (finding.state === 'kept' && last !== 'kept') tell('info', 'the host is as it was applied');
        if (finding.state === 'nothing' && last !== 'nothing') tell('info', 'nothing is applied: nothing to keep');
        last = finding.state;
        if (shut !== false) shut = await isShut(host).catch(() => null);
        if (shut === true && finding.state !== 'differs') {
          await reopen(host);
          shut = false;
          tell('info', 'forwarding is no longer shut');
        }
        again = ahead.file === null ? finding.again : 250;
        if (finding.aim !== null) following.set(await sources(host, finding.aim.wanted, { edited, seen }));
        standing = finding.state === 'kept' ? (finding.aim?.wanted ?? null) : null;
        await publish(finding.state, finding);
      } catch (error) {
        again = BLIND[Math.min(blind, BLIND.length - 1)] ?? 0;
        blind += 1;
        // A container or the switch that is just starting again is no news.
        if (blind === PATIENT) {
          tell('error', `the host can't be looked at: ${because(error)}`);
          last = null;
        }
        if (blind >= PATIENT) await publish('blind', null);
      }
      if (!looked) await ready();
      looked = true;
      const quiet = await wake.rung(Math.min(again ?? RARELY, RARELY));
      settle = quiet < settle * 8 ? Math.min(settle * 2, SETTLE_LONGEST) : SETTLE;
      if (!stop.aborted) await sleep(settle);
      wake.heard();
    }
  } finally {
    clearInterval(pulse);
    await Promise.all([following.close(), bus.close()]);
    tell('info', 'stopped; the data path stays as it is');
    await host.files.remove(reportPath).catch(() => {});
  }
}

/** All that can change what we keep, or what is to be kept. */
async function sources(
  host: Host,
  wanted: readonly Resource[],
  on: { readonly edited: () => void; readonly seen: () => void },
): Promise<readonly Source[]> {
  const applied = await lastApplied(host).catch(() => null);
  const file = (path: string): Source => ({ name: path, open: (told) => host.files.watch(path, told) });
  const own = ['applied.json', 'journal.json', 'unconfirmed.json'].map((name) => file(`/var/lib/op-dbus/${name}`));
  if (applied === null) return own;
  const path = applied.path ?? null;
  const marked = (await host.ovsdb.bridges()).filter(({ externalIds }) => externalIds[MARK] !== undefined);
  return [
    ...own,
    ...(path === null ? [] : [{ ...file(path), changed: on.edited, missed: on.seen }]),
    { name: 'the switch database', open: (told) => host.ovsdb.watch(told) },
    ...marked.map(
      ({ name }): Source => ({ name: `flows of ${name}`, open: (told) => host.openflow.watch(name, told) }),
    ),
    { name: 'nftables', open: (told) => host.nft.watch(told) },
    ...wanted.flatMap(({ kind, name }): readonly Source[] =>
      kind === 'filter' && name !== 'host'
        ? [{ name: `nftables of ${name}`, open: (told) => host.containers.filter(name).watch(told) }]
        : [],
    ),
    ...padding(wanted).map(
      (name): Source => ({
        name: `filters of devices of ${name}`,
        open: (told) => host.containers.tc(name).watch(told),
      }),
    ),
    { name: 'the network', open: (told) => host.net.watch(told) },
    containers(host, units(wanted)),
  ];
}

/** The containers that have devices on which packets are lengthened. */
function padding(wanted: readonly Resource[]): readonly string[] {
  const specs = wanted.map(({ spec }) => spec as { readonly container?: string; readonly leaves?: object });
  return [...new Set(specs.flatMap(({ container, leaves }) => (container && leaves ? [container] : [])))];
}

/** Other units make another source. */
function containers(host: Host, of: Readonly<Record<string, readonly string[]>>): Source {
  const named = Object.entries(of).map(([name, list]) => `${name} (${list.join(' ')})`);
  return {
    name: `containers${named.length === 0 ? '' : `: ${named.join(', ')}`}`,
    open: (told) => host.containers.watch(of, told),
  };
}

/** The units of each container that has any. */
function units(wanted: readonly Resource[]): Readonly<Record<string, readonly string[]>> {
  const specs = wanted.map(({ spec }) => spec as { readonly container?: string; readonly unit?: string });
  const named = specs.flatMap(({ container, unit }) => (container && unit ? [{ container, unit }] : []));
  return Object.fromEntries(
    named.map(({ container }) => [
      container,
      named.filter((one) => one.container === container).map(({ unit }) => unit),
    ]),
  );
}

/** Milliseconds since 1970 as the daemon's start had it: never set back. */
function steady(): number {
  return performance.timeOrigin + performance.now();
}

/** Signs of an event's text. */
const LONGEST = 2000;

function short(text: string): string {
  const whole = text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text;
  return whole.toWellFormed().replaceAll('\0', '\ufffd');
}

type Alarm = {
  readonly ring: () => void;
  /** @returns how long it was quiet, in milliseconds. */
  readonly rung: (milliseconds: number) => Promise<number>;
  /** What has rung until now is seen to. */
  readonly heard: () => void;
};

/** Wakes whoever waits, or the next who does. */
function alarm(stop: AbortSignal): Alarm {
  let ringing = false;
  let waiter: (() => void) | null = null;
  const ring = (): void => {
    ringing = true;
    waiter?.();
  };
  stop.addEventListener('abort', ring);
  return {
    ring,
    heard: () => {
      ringing = stop.aborted;
    },
    rung: async (milliseconds) => {
      const from = performance.now();
      if (!ringing)
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, milliseconds);
          waiter = () => {
            clearTimeout(timer);
            resolve();
          };
        });
      waiter = null;
      ringing = false;
      return performance.now() - from;
    },
  };
}
