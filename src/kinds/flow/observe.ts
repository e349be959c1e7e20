// The flows that carry our mark, on the bridges that carry it.

import type { Resource } from '../../core/resource.ts';
import type { Host } from '../../drivers/host.ts';
import type { Flow } from '../../drivers/openflow/contract.ts';
import { printFlow, sortFlows } from '../../drivers/openflow/text.ts';
import { type BridgeRow, MARK } from '../../drivers/ovsdb/contract.ts';
import { named } from './port.ts';
import type { Spec } from './schema.ts';

export async function observe(host: Host): Promise<readonly Resource<Spec>[]> {
  const rows = (await host.ovsdb.bridges()).filter((row) => row.externalIds[MARK] !== undefined);
  const found = await Promise.all(
    rows.map(async (row) => ({ name: row.name, flows: (await dump(host, row)).filter(ours) })),
  );
  return found
    .filter(({ flows }) => flows.length > 0)
    .map(({ name, flows }) => ({ kind: 'flow', name, spec: { flows: flows.map(printFlow) } }));
}

/** A bridge's flows by the names of its ports, in our order. */
export async function dump(host: Host, row: BridgeRow): Promise<readonly Flow[]> {
  return sortFlows((await host.openflow.flows(row.name)).map((flow) => named(row, flow)));
}

/** Our mark is the cookie: 32 bits that begin with 0xdead (security), 0xcafe (hiding) or 0xbeef (the state file's). */
export function ours({ cookie }: Flow): boolean {
  return /^0x(dead|cafe|beef)[0-9a-f]{4}$/.test(cookie);
}
