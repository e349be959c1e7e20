// A copy of a bridge's flows, kept up by the switch's flow monitor (OpenFlow 1.4.1 §7.3.5.18).

import type { OpError } from '../../error.ts';
import { changeFlows, portsOf } from './change.ts';
import type { Mirror, MirrorOptions } from './contract.ts';
import { decodeFlow } from './entry.ts';
import { type Ports, unnamed } from './oxm/port.ts';
import { openSession } from './session.ts';
import { identity, parseFlow, printFlow } from './text.ts';
import type { RawFlow } from './wire/flow.ts';
import type { FlowUpdate, SeenFlow } from './wire/monitor.ts';

/** The mirror of the bridge behind the socket `path`; see contract.ts. */
export async function openMirror(path: string, bridge: string, { mine, changed }: MirrorOptions): Promise<Mirror> {
  const session = await openSession(path);
  let copy = emptyCopy(unnamed);
  let stale = true;
  let paused = false;
  /** What the switch told while the copy was read or changed; null at other times. */
  let meanwhile: Told[] | null = null;
  /** The list that the copy was found to equal, until anything changes. */
  let settled: readonly string[] | null = null;
  let turn: Promise<unknown> = Promise.resolve();
  let lost: OpError | null = null;
  void session.ended.then((why) => {
    lost = why;
  });

  const take = (update: FlowUpdate): void => {
    // What is there at first is read with its flags; what we changed ourselves is known.
    if (update.event === 'initial' || update.event === 'abbreviated') return;
    settled = null;
    if ('flow' in update) {
      if (meanwhile === null) follow(copy, update, mine);
      else meanwhile.push(update);
    } else {
      paused = update.event === 'paused';
      stale = true;
    }
    changed();
  };

  /** Reads anew while what is known may be wrong. An update older than what was read is followed by those after it. */
  async function fresh(): Promise<void> {
    for (let first = true; stale || (first && paused); first = false) {
      stale = false;
      await during(async () => {
        const next = emptyCopy(await portsOf(session));
        for (const flow of await session.dump()) put(next, flow, mine);
        copy = next;
      });
    }
  }

  /** Follows after `action` what the switch told during it, and gives the places of that. */
  async function during(action: () => Promise<void>): Promise<readonly string[]> {
    const told: Told[] = [];
    meanwhile = told;
    try {
      await action();
    } finally {
      meanwhile = null;
      for (const update of told) follow(copy, update, mine);
    }
    return told.map(({ flow }) => placeOf(flow));
  }

  async function replace(wanted: readonly string[]): ReturnType<Mirror['replace']> {
    await fresh();
    if (settled !== null && same(wanted, settled)) return { added: 0, removed: 0 };
    const missing = wanted.filter((line) => !copy.placeOf.has(line));
    if (missing.length === 0 && wanted.length === copy.placeOf.size) {
      settled = wanted;
      return { added: 0, removed: 0 };
    }
    settled = null;
    const keep = new Set(wanted);
    const add = missing.map(parseFlow);
    const replaced = new Set(add.map(identity));
    const gone = [...copy.placeOf.keys()].filter((line) => !keep.has(line));
    const remove = gone.map(parseFlow).filter((flow) => !replaced.has(identity(flow)));
    let places = new Set<string>();
    const told = await during(async () => {
      const added = await changeFlows(session, bridge, copy.ports, add, remove);
      const before = gone.map((line) => copy.placeOf.get(line) ?? '');
      places = new Set([...before, ...added.map(placeOf)]);
      for (const place of before) drop(copy, place);
      for (const flow of added) put(copy, flow, mine);
    });
    // Whether somebody else's change of the same flow came before or after ours isn't known.
    if (told.some((place) => places.has(place))) stale = true;
    return { added: add.length, removed: remove.length };
  }

  async function inTurn<T>(action: () => Promise<T>): Promise<T> {
    const before = turn;
    const { promise, resolve } = Promise.withResolvers<void>();
    turn = promise;
    await before;
    try {
      if (lost !== null) throw lost;
      return await action();
    } finally {
      resolve();
    }
  }

  try {
    await session.watchPorts(() => {
      stale = true;
      settled = null;
      changed();
    });
    await session.watch(take);
    await inTurn(fresh);
  } catch (error) {
    await session.close();
    throw error;
  }
  return {
    lines: () =>
      inTurn(async () => {
        await fresh();
        return new Set(copy.placeOf.keys());
      }),
    replace: (wanted) => inTurn(() => replace(wanted)),
    ended: session.ended,
    close: () => session.close(),
  };
}

/** The daemon's usual question, of a list made anew: answered without looking up each line. */
function same(a: readonly string[], b: readonly string[]): boolean {
  return a === b || (a.length === b.length && a.every((line, at) => line === b[at]));
}

type Told = Extract<FlowUpdate, { readonly flow: SeenFlow }>;

/** The lines, each with its flow's place in the tables, both ways. */
type Copy = {
  readonly ports: Ports;
  readonly placeOf: Map<string, string>;
  readonly lineOf: Map<string, string>;
};

function emptyCopy(ports: Ports): Copy {
  return { ports, placeOf: new Map(), lineOf: new Map() };
}

function follow(copy: Copy, update: Told, mine: MirrorOptions['mine']): void {
  if (update.event === 'removed') drop(copy, placeOf(update.flow));
  else put(copy, { ...update.flow, flags: 0, importance: 0 }, mine);
}

function put(copy: Copy, raw: RawFlow, mine: MirrorOptions['mine']): void {
  const place = placeOf(raw);
  drop(copy, place);
  const flow = decodeFlow(raw, copy.ports);
  if (!mine(flow)) return;
  const line = printFlow(flow);
  copy.placeOf.set(line, place);
  copy.lineOf.set(place, line);
}

function drop(copy: Copy, place: string): void {
  const line = copy.lineOf.get(place);
  if (line === undefined) return;
  copy.lineOf.delete(place);
  copy.placeOf.delete(line);
}

/** What a later flow replaces: table, priority and match. */
function placeOf({ table, priority, match }: SeenFlow): string {
  return `${table} ${priority} ${Buffer.from(match.buffer, match.byteOffset, match.length).toString('latin1')}`;
}
