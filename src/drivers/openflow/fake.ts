// A switch's flow tables and meters in memory, over the bridges of an Ovsdb (a fake one, as a rule).

import { OpError } from '../../error.ts';
import type { BridgeRow, Ovsdb } from '../ovsdb/contract.ts';
import { watchers, type Watchers } from '../watch.fake.ts';
import type { Flow, Meter, OpenFlow } from './contract.ts';
import { decodeFlow, encodeFlow } from './entry.ts';
import type { Ports } from './oxm/port.ts';
import { identity, parseFlow, printFlow } from './text.ts';
import type { RawFlow } from './wire/flow.ts';

/** `flushed` grows by a zone with each flush. */
export type FakeOpenFlow = OpenFlow & { readonly flushed: readonly number[] };

type Tables = { readonly flows: ReadonlyMap<string, RawFlow>; readonly meters: ReadonlyMap<number, Meter> };

/**
 * A bridge's flows go with it. A port is known by name while the database gives it an ofport. Its watches tell of ports,
 * and of the bridge's end, if those of the database do.
 */
export function fakeOpenFlow(ovsdb: Pick<Ovsdb, 'bridges'> & Partial<Pick<Ovsdb, 'watch'>>): FakeOpenFlow {
  const bridges = new Map<string, Tables>();
  const flushed: number[] = [];
  const watched = new Map<string, Watchers>();
  const watching = new Set<{ readonly bridge: string; readonly changed: () => void }>();
  const open = async (name: string): Promise<Tables & { readonly ports: Ports }> => {
    const rows = await ovsdb.bridges();
    for (const known of bridges.keys()) if (!rows.some((row) => row.name === known)) bridges.delete(known);
    const row = rows.find((candidate) => candidate.name === name);
    if (row === undefined) throw new OpError('host', `${name} is not a bridge`);
    const tables = bridges.get(name) ?? { flows: new Map<string, RawFlow>(), meters: new Map<number, Meter>() };
    return { ...tables, ports: portsOf(row) };
  };
  const openflow: FakeOpenFlow = {
    flushed,
    flows: async (bridge) => {
      const { flows, ports } = await open(bridge);
      return [...flows.values()].map((flow) => decodeFlow(flow, ports));
    },
    bundle: async (bridge, add, remove) => {
      const { flows, meters, ports } = await open(bridge);
      const result = new Map(flows);
      for (const flow of remove) {
        const raw = encodeFlow(flow, ports);
        if (result.get(place(raw))?.cookie === raw.cookie) result.delete(place(raw));
      }
      for (const flow of add) {
        allowed(bridge, flow, meters);
        const raw = encodeFlow(flow, ports);
        result.set(place(raw), raw);
      }
      bridges.set(bridge, { flows: result, meters });
      for (const watcher of watching) if (watcher.bridge === bridge) watcher.changed();
      watched.get(bridge)?.tell();
    },
    watch: async (bridge, changed) => {
      await open(bridge);
      const here = watched.get(bridge) ?? watchers();
      watched.set(bridge, here);
      const watch = await here.watch(changed);
      const ports = await ovsdb.watch?.(() => {
        changed();
        void open(bridge).catch(() => here.end(new OpError('host', 'the switch closed the connection')));
      });
      void watch.ended.then(() => ports?.close());
      return watch;
    },
    mirror: async (bridge, { mine, changed }) => {
      const ended = Promise.withResolvers<OpError>();
      const watcher = { bridge, changed };
      const read = async (): Promise<ReadonlyMap<string, Flow>> =>
        new Map((await openflow.flows(bridge)).filter(mine).map((flow) => [printFlow(flow), flow]));
      await read();
      watching.add(watcher);
      return {
        lines: async () => new Set((await read()).keys()),
        replace: async (wanted) => {
          const found = await read();
          const keep = new Set(wanted);
          const add = wanted.filter((line) => !found.has(line)).map(parseFlow);
          const replaced = new Set(add.map(identity));
          const gone = [...found].filter(([line, flow]) => !keep.has(line) && !replaced.has(identity(flow)));
          watching.delete(watcher);
          try {
            await openflow.bundle(
              bridge,
              add,
              gone.map(([, flow]) => flow),
            );
          } finally {
            watching.add(watcher);
          }
          return { added: add.length, removed: gone.length };
        },
        ended: ended.promise,
        close: async () => {
          watching.delete(watcher);
          ended.resolve(new OpError('host', 'the connection to the switch was closed'));
        },
      };
    },
    meters: async (bridge) => [...(await open(bridge)).meters.values()].toSorted((a, b) => a.id - b.id),
    putMeters: async (bridge, put) => {
      const { flows, meters } = await open(bridge);
      const result = new Map(meters);
      for (const meter of put) {
        if (meter.id === 0) throw new OpError('protocol', `making meter 0: the switch refused: OFPMMFC_INVALID_METER`);
        result.set(meter.id, meter);
      }
      bridges.set(bridge, { flows, meters: result });
    },
    removeMeters: async (bridge, ids) => {
      const { flows, meters, ports } = await open(bridge);
      const used = [...flows.values()].map((flow) => meterOf(decodeFlow(flow, ports)));
      const kept = used.find((id) => id !== null && ids.includes(id));
      if (kept !== undefined) throw new OpError('foreign', `meter ${kept} is used by a flow, which would go with it`);
      bridges.set(bridge, { flows, meters: new Map([...meters].filter(([id]) => !ids.includes(id))) });
    },
    flushZone: async (zone) => void flushed.push(zone),
  };
  return openflow;
}

/** What a later flow replaces. */
function place({ table, priority, match }: RawFlow): string {
  return `${table} ${priority} ${Buffer.from(match).toString('hex')}`;
}

function portsOf(row: BridgeRow): Ports {
  const there = row.ports.flatMap(({ interface: { name, ofport } }) =>
    ofport !== null && ofport > 0 ? [{ name, ofport }] : [],
  );
  return {
    number: (name) => there.find((port) => port.name === name)?.ofport,
    name: (number) => there.find((port) => port.ofport === number)?.name,
  };
}

/** As the switch: a flow sends on to a later table only, and names a meter that is there. */
function allowed(bridge: string, flow: Flow, meters: ReadonlyMap<number, Meter>): void {
  const target = /\bgoto_table:(\d+)/.exec(flow.actions)?.[1];
  const meter = meterOf(flow);
  if (meter !== null && !meters.has(meter)) throw refusal(bridge, 'OFPMMFC_INVALID_METER', flow);
  if (target !== undefined && Number(target) <= flow.table) throw refusal(bridge, 'OFPBIC_BAD_TABLE_ID', flow);
}

function refusal(bridge: string, name: string, flow: Flow): OpError {
  return new OpError('protocol', `${bridge}: ${name}: ${printFlow(flow)}`);
}

function meterOf({ actions }: Flow): number | null {
  const found = /\bmeter:(\d+)/.exec(actions)?.[1];
  return found === undefined ? null : Number(found);
}
