// The flows of the bridges that carry our mark, and their meters that do.

import type { Resource } from '../../core/resource.ts';
import type { Host } from '../../drivers/host.ts';
import type { Flow } from '../../drivers/openflow/contract.ts';
import { printMeter, printSorted } from '../../drivers/openflow/text.ts';
import { type BridgeRow, MARK } from '../../drivers/ovsdb/contract.ts';
import { isOurs } from './limit.ts';
import { named } from './port.ts';
import type { Spec } from './schema.ts';

export async function observe(host: Host): Promise<readonly Resource<Spec>[]> {
  const rows = (await host.ovsdb.bridges()).filter((row) => row.externalIds[MARK] !== undefined);
  const found = await Promise.all(rows.map(async (row) => ({ name: row.name, spec: await specOf(host, row) })));
  return found
    .filter(({ spec }) => spec.flows.length + spec.meters.length > 0)
    .map(({ name, spec }) => ({ kind: 'flow', name, spec }));
}

/** Every flow of the bridge, for a bridge of ours is ours whole (docs/decisions/008), and the meters of ours. */
export async function specOf(host: Host, row: BridgeRow): Promise<Spec> {
  const [flows, meters] = await Promise.all([host.openflow.flows(row.name), host.openflow.meters(row.name)]);
  return { meters: meters.filter(isOurs).map(printMeter), flows: linesOf(flows, row) };
}

/** A plan looks at the same flows three times. */
const printed = new WeakMap<readonly Flow[], { readonly ports: string; readonly lines: readonly string[] }>();

function linesOf(flows: readonly Flow[], row: BridgeRow): readonly string[] {
  const ports = JSON.stringify(row.ports);
  const known = printed.get(flows);
  if (known?.ports === ports) return known.lines;
  const lines = printSorted(flows.map(named(row)));
  printed.set(flows, { ports, lines });
  return lines;
}

/** Our flows have cookies of 32 bits that begin with 0xdead (security), 0xcafe (hiding) or 0xbeef (the state file's). */
export function ours({ cookie }: Pick<Flow, 'cookie'>): boolean {
  return /^0x(dead|cafe|beef)[0-9a-f]{4}$/.test(cookie);
}
