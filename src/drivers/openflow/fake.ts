// A switch's flow tables in memory, over the bridges of an Ovsdb (a fake one, as a rule).

import { OpError } from '../../error.ts';
import type { BridgeRow, Ovsdb } from '../ovsdb/contract.ts';
import { refuseWidening } from './client.ts';
import type { Flow, OpenFlow } from './contract.ts';
import { identity, printBundle, sortFlows, strict } from './text.ts';

/** `flushed` grows by a zone with each flush. */
export type FakeOpenFlow = OpenFlow & { readonly flushed: readonly number[] };

/** A bridge's flows go with it. A port is known by name while the database gives it an ofport. */
export function fakeOpenFlow(ovsdb: Pick<Ovsdb, 'bridges'>): FakeOpenFlow {
  const tables = new Map<string, ReadonlyMap<string, Flow>>();
  const flushed: number[] = [];
  const open = async (name: string): Promise<{ row: BridgeRow; flows: ReadonlyMap<string, Flow> }> => {
    const rows = await ovsdb.bridges();
    for (const known of tables.keys()) if (!rows.some((row) => row.name === known)) tables.delete(known);
    const row = rows.find((candidate) => candidate.name === name);
    if (row === undefined) throw new OpError('host', `${name}: ${name} is not a bridge or a socket`);
    return { row, flows: tables.get(name) ?? new Map<string, Flow>() };
  };
  return {
    flushed,
    flows: async (bridge) => {
      const { row, flows } = await open(bridge);
      return sortFlows([...flows.values()].map((flow) => renamed(flow, (port) => byNumber(row).get(port) ?? port)));
    },
    bundle: async (bridge, add, remove) => {
      const { row, flows } = await open(bridge);
      refuseWidening(bridge, add);
      const lines = printBundle(add, remove);
      const number = (port: string, index: number): string => {
        const found = new Map([...byNumber(row)].map(([key, value]) => [value, key])).get(port);
        if (found !== undefined || /^(\d+|[A-Z_]+)$/.test(port)) return found ?? port;
        throw new OpError('protocol', `${bridge}: ${port}: unknown port: ${lines[index]}`);
      };
      const numbered = [...remove, ...add].map((flow, index) => renamed(flow, (port) => number(port, index)));
      const result = new Map(flows);
      for (const flow of numbered.slice(0, remove.length)) {
        const there = result.get(identity(flow));
        if (there !== undefined && strict(there) === strict(flow)) result.delete(identity(flow));
      }
      for (const [index, flow] of numbered.slice(remove.length).entries()) {
        forward(bridge, flow, lines[remove.length + index] ?? '');
        result.set(identity(flow), flow);
      }
      tables.set(bridge, result);
    },
    flushZone: async (zone) => void flushed.push(zone),
  };
}

function byNumber(row: BridgeRow): ReadonlyMap<string, string> {
  return new Map(
    row.ports.flatMap(({ interface: { name, ofport } }) =>
      ofport !== null && ofport > 0 ? [[`${ofport}`, name]] : [],
    ),
  );
}

function renamed(flow: Flow, name: (port: string) => string): Flow {
  const replace = (text: string): string =>
    text.replace(/\b(in_port=|output:)([^,()\s]+)/g, (_, key: string, port: string) => key + name(port));
  return { ...flow, match: replace(flow.match), actions: replace(flow.actions) };
}

/** As the switch: a flow sends on to a later table only. */
function forward(bridge: string, flow: Flow, line: string): void {
  const target = /\bgoto_table:(\d+)/.exec(flow.actions)?.[1];
  if (target !== undefined && Number(target) <= flow.table)
    throw new OpError('protocol', `${bridge}: actions are invalid with specified match (OFPBIC_BAD_TABLE_ID): ${line}`);
}
