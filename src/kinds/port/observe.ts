// The ports that carry our mark.

import type { Resource } from '../../core/resource.ts';
import type { Host } from '../../drivers/host.ts';
import { type BridgeRow, MARK, type PortRow } from '../../drivers/ovsdb/contract.ts';
import type { Spec } from './schema.ts';

export async function observe(host: Host): Promise<readonly Resource<Spec>[]> {
  return (await host.ovsdb.bridges()).flatMap((bridge) =>
    bridge.ports.filter((port) => member(bridge, port)).map((port) => resource(bridge, port)),
  );
}

/** A port of ours that isn't the bridge's own. */
function member(bridge: BridgeRow, port: PortRow): boolean {
  return port.externalIds[MARK] !== undefined && port.interface.name !== bridge.name;
}

function resource(bridge: BridgeRow, port: PortRow): Resource<Spec> {
  const type = port.interface.type === 'internal' ? 'internal' : 'system';
  return {
    kind: 'port',
    name: port.interface.name,
    spec: {
      bridge: bridge.name,
      row: port.name,
      type,
      ofport: port.interface.ofportRequest ?? 0,
      mac: port.interface.mac,
    },
  };
}
