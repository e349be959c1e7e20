// The bridges that carry our mark, with the address that the host has on each.

import type { Resource } from '../../core/resource.ts';
import type { Host } from '../../drivers/host.ts';
import { type BridgeRow, MARK } from '../../drivers/ovsdb/contract.ts';
import type { Spec } from './schema.ts';

/** The key in `external_ids` under which the address that we gave the host is kept: another's address is not ours. */
export const addressKey = 'op-dbus-address';

export async function observe(host: Host): Promise<readonly Resource<Spec>[]> {
  const [bridges, links] = await Promise.all([host.ovsdb.bridges(), host.net.links()]);
  return bridges.filter(ours).map((bridge) => {
    const link = links.find((candidate) => candidate.name === bridge.name);
    const ours = bridge.externalIds[addressKey];
    const address = link?.up === true && ours !== undefined && link.addresses.includes(ours) ? ours : null;
    return { kind: 'bridge', name: bridge.name, spec: { datapath: datapath(bridge), mac: mac(bridge), address } };
  });
}

export function ours(row: { readonly externalIds: Readonly<Record<string, string>> }): boolean {
  return row.externalIds[MARK] !== undefined;
}

/** A bridge that somebody opened again (`fail_mode` not secure) differs from every spec, so that `apply` shuts it. */
function datapath(bridge: BridgeRow): Spec['datapath'] {
  const type = bridge.datapathType === 'netdev' ? 'netdev' : 'system';
  return bridge.failMode === 'secure' ? type : (`${type}!` as Spec['datapath']);
}

/** The datapath of such a bridge, shut. */
export function shut(seen: Spec['datapath']): Spec['datapath'] {
  return seen.replace('!', '') as Spec['datapath'];
}

function mac(bridge: BridgeRow): string {
  return bridge.otherConfig['hwaddr'] ?? '';
}
