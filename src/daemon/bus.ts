// The daemon on the system bus: org.opdbus1 (docs/dbus.md). Root alone changes things; whom the bus lets in may read.

import { setTimeout as sleep } from 'node:timers/promises';
import { difference } from '../core/plan.ts';
import {
  type Argument,
  type Bus,
  type Caller,
  type Exported,
  refusal,
  type ServedMethod,
  textOf,
  type Value,
} from '../drivers/dbus/contract.ts';
import type { Host } from '../drivers/host.ts';
import { because, OpError } from '../error.ts';
import { knownNames, lastApplied } from '../engine/applied.ts';
import { apply } from '../engine/apply.ts';
import { confirm } from '../engine/confirm.ts';
import { expected } from '../engine/expected.ts';
import { parsed } from '../engine/load.ts';
import { observe } from '../engine/observe.ts';
import type { Event, Report } from '../engine/report.ts';
import { rollback } from '../engine/rollback.ts';
import { render } from '../engine/run.ts';
import { status } from '../engine/status.ts';
import { verify } from '../engine/verify.ts';
import { silent, want } from '../engine/want.ts';
import { type Tell } from './keeper.ts';
import { type Aim, objectsOf, type Served } from './object.ts';

const NAME = 'org.opdbus1';
const PATH = '/org/opdbus1';
const MANAGER = 'org.opdbus1.Manager';

/** Where keys and certificates lie when a state comes by the bus and nothing was applied before. */
const FILES = '/etc/op-dbus/files';

export type BusGiven = {
  readonly host: Host;
  readonly version: string;
  readonly report: () => Report;
  readonly alone: <T>(action: () => Promise<T>) => Promise<T | null>;
};

export type Service = {
  /** What has changed: properties, and the objects of what the host is to be. */
  readonly update: (report: Report, aim: Aim) => void;
  readonly event: (event: Event) => void;
};

/** Takes the name and puts the objects on the bus. @throws OpError when the bus refuses. */
export async function serve(bus: Bus, given: BusGiven): Promise<Service> {
  const properties = propertiesOf(given);
  const manager = bus.export(PATH, [
    { name: MANAGER, methods: methods(given), properties, signals: { Event: args('at s', 'level s', 'text s') } },
  ]);
  bus.manage(PATH);
  try {
    await bus.request(NAME);
  } catch (error) {
    // The connection stays, and is asked again.
    manager.remove();
    throw error;
  }
  let last = given.report();
  const there = new Map<string, { readonly served: Served; readonly exported: Exported }>();
  return {
    event: ({ at, level, text }) => manager.emit(MANAGER, 'Event', [at, level, text]),
    update: (report, aim) => {
      const differing = Object.entries(values).filter(
        ([, of]) => JSON.stringify(of(last)) !== JSON.stringify(of(report)),
      );
      last = report;
      if (differing.length > 0)
        manager.changed(
          MANAGER,
          differing.map(([name]) => name),
        );
      const served = objectsOf(aim);
      for (const [path, one] of there)
        if (JSON.stringify(served.get(path)) !== JSON.stringify(one.served)) {
          one.exported.remove();
          there.delete(path);
        }
      for (const [path, one] of served)
        if (!there.has(path)) there.set(path, { served: one, exported: bus.export(path, [one.interface()]) });
    },
  };
}

/**
 * Serves on the system bus, and again whenever that has gone and come back. A host without one is served all the same:
 * that is told once.
 */
export function onBus(given: BusGiven, tell: Tell, stop: AbortSignal): OnBus {
  let service: Service | null = null;
  let aim: Aim = { wanted: [], policies: [] };
  let told = false;
  const ending = aborted(stop);
  const loop = async (): Promise<void> => {
    for (let wait = 500; !stop.aborted; wait = Math.min(wait * 2, 60_000)) {
      try {
        const bus = await given.host.dbus.system();
        service = await serve(bus, given);
        service.update(given.report(), aim);
        wait = 500;
        await Promise.race([bus.ended, ending]);
        service = null;
        if (stop.aborted) await bus.release(NAME).catch(() => {});
      } catch (error) {
        if (!told) tell('warning', `not on the system bus: ${because(error)}`);
        told = true;
      }
      await Promise.race([sleep(wait, undefined, { ref: false }), ending]);
    }
  };
  const done = loop();
  return {
    event: (event) => service?.event(event),
    update: (report, fresh) => {
      aim = fresh ?? aim;
      service?.update(report, aim);
    },
    close: () => done,
  };
}

/** `update` with null: what the host is to be is as before. */
export type OnBus = Pick<Service, 'event'> & {
  readonly update: (report: Report, aim: Aim | null) => void;
  /** Resolves once `stop` was raised and the name is given back. */
  readonly close: () => Promise<void>;
};

function aborted(stop: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (stop.aborted) resolve();
    else stop.addEventListener('abort', () => resolve(), { once: true });
  });
}

/** Properties that follow the report. */
const values: Readonly<Record<string, (report: Report) => Value>> = {
  State: ({ state }) => state,
  Drift: ({ drift }) => drift,
  Held: ({ held }) => held.map(({ what }) => what),
  Refused: ({ refused }) => (refused === null ? '' : `${refused.path}: ${refused.why}`),
  Unconfirmed: ({ unconfirmed }) => unconfirmed ?? '',
  Applied: ({ applied }) => applied ?? '',
};
const signatures: Readonly<Record<string, string>> = { Drift: 'u', Held: 'as' };

function propertiesOf({ report, version }: BusGiven): NonNullable<Parameters<Bus['export']>[1][0]['properties']> {
  const following = Object.entries(values).map(
    ([name, of]) => [name, { signature: signatures[name] ?? 's', get: () => of(report()) }] as const,
  );
  return {
    ...Object.fromEntries(following),
    Version: { signature: 's', get: () => version, emits: 'const' },
  };
}

function methods({ host, alone }: BusGiven): Readonly<Record<string, ServedMethod>> {
  const changing =
    (action: (args: readonly Value[]) => Promise<readonly Value[]>) =>
    async (list: readonly Value[], caller: Caller): Promise<readonly Value[]> => {
      if (caller.uid !== 0) throw denied();
      const done = await alone(() => told(action(list)));
      if (done === null) throw refusal(`${NAME}.Error.Busy`, 'another op-dbus command is at work');
      return done;
    };
  const reading = inTurn();
  const loaded = async (text: string) => {
    const last = await lastApplied(host).catch(() => null);
    return parsed({ file: 'D-Bus', text, filesFolder: last?.filesFolder ?? FILES });
  };
  return {
    Plan: {
      in: args('state s'),
      out: args('commands as'),
      call: async ([text], caller) =>
        told(
          reading(async () => {
            const { state, filesFolder } = await loaded(textOf(text));
            const known = await knownNames(host);
            // A question goes out in clear: not for anybody who may only read.
            const asking = caller.uid === 0 ? host : silent(host, ', and root alone may ask for it');
            const { resources } = await want(asking, state, filesFolder, known);
            return [render(difference(await observe(host), resources))];
          }),
        ),
    },
    Apply: {
      in: args('state s', 'confirm_seconds u'),
      out: args('changes u'),
      call: changing(async ([text, seconds]) => {
        const within = Number(seconds);
        if (within !== 0 && (within < 5 || within > 86_400))
          throw refusal('org.freedesktop.DBus.Error.InvalidArgs', 'confirm_seconds: expected 0, or 5 to 86400');
        const state = await loaded(textOf(text));
        const options = within === 0 ? {} : { confirm: within };
        return [(await apply(host, state, () => {}, options)).changes.length];
      }),
    },
    Confirm: { in: [], out: args('action s'), call: changing(async () => [(await confirm(host)).action]) },
    Rollback: {
      in: args('entry u'),
      out: args('changes u'),
      call: changing(async ([entry]) => [
        (await rollback(host, entry === 0 ? null : Number(entry), () => {})).changes.length,
      ]),
    },
    Status: {
      in: [],
      out: args('json s'),
      call: () => told(reading(async () => [JSON.stringify({ version: 1, ...(await status(host, { exit: null })) })])),
    },
    Query: {
      in: [],
      out: args('resources a(ss)'),
      call: () => told(reading(async () => [(await observe(host)).map(({ kind, name }) => [kind, name])])),
    },
    Verify: {
      in: [],
      out: args('ok b', 'checks a(bss)'),
      call: () =>
        told(
          reading(async () => {
            const { resources } = await expected(host, await lastApplied(host));
            const { checks } = await verify(host, resources);
            return [checks.every(({ ok }) => ok), checks.map(({ ok, name, detail }) => [ok, name, detail])];
          }),
        ),
    },
  };
}

/** `name s` → a name and its signature. */
function args(...list: readonly string[]): readonly Argument[] {
  return list.map((one) => {
    const [name = '', signature = ''] = one.split(' ');
    return { name, signature };
  });
}

/** So many may wait for their answer. */
const WAITING = 8;

/** Looks at the host for one caller after the other: a look starts programs, and anybody of the group may ask. */
function inTurn(): <T>(look: () => Promise<T>) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve();
  let waiting = 0;
  return async (look) => {
    if (waiting >= WAITING)
      throw refusal('org.freedesktop.DBus.Error.LimitsExceeded', `${WAITING} callers wait for an answer already`);
    waiting += 1;
    const turn = last.then(look);
    last = turn.catch(() => {});
    return turn.finally(() => (waiting -= 1));
  };
}

function denied(): OpError {
  return refusal('org.freedesktop.DBus.Error.AccessDenied', 'root alone may change this host');
}

/** An error of ours as one that a caller understands: its code in the name, its place and hint in the text. */
async function told<T>(action: Promise<T>): Promise<T> {
  try {
    return await action;
  } catch (error) {
    if (error instanceof OpError && error.cause !== undefined && isRefusal(error.cause)) throw error;
    const code = error instanceof OpError ? error.code : error instanceof AggregateError ? 'state' : 'internal';
    const name = `${NAME}.Error.${code.charAt(0).toUpperCase()}${code.slice(1)}`;
    const hint = error instanceof OpError && error.hint !== undefined ? ` (${error.hint})` : '';
    throw refusal(name, `${because(error)}${hint}`);
  }
}

function isRefusal(cause: unknown): boolean {
  return typeof cause === 'object' && cause !== null && 'refusal' in cause;
}
