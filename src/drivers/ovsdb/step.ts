// What a step makes of the rows, and what stands in its way. Pure; the fake and the real transaction share it.

import { OpError } from '../../error.ts';
import { type BridgeRow, type BridgeWanted, MARK, type PortRow, type PortWanted, type Step } from './contract.ts';
import { sorted } from './rows.ts';

/**
 * What `step` makes of `bridges`. What only the switch knows (`ofport`, `macInUse`, `error`) is null for a new interface
 * and kept for one that is changed in place.
 * @throws OpError `foreign` when a bridge or port without our mark is in the way, `host` when a port's bridge isn't
 * there, `protocol` when one of ours has the name already.
 */
export function after(bridges: readonly BridgeRow[], step: Step): readonly BridgeRow[] {
  switch (step.op) {
    case 'put-bridge':
      return putBridge(bridges, step.bridge);
    case 'delete-bridge':
      return deleteBridge(bridges, step.name);
    case 'put-port':
      return putPort(bridges, step.port);
    case 'delete-port':
      return deletePort(bridges, step.bridge, step.name);
  }
}

/** The bridge that holds the port of that name, which is unique over all bridges. */
export function holder(bridges: readonly BridgeRow[], port: string): BridgeRow | undefined {
  return bridges.find((bridge) => bridge.ports.some((candidate) => candidate.name === port));
}

export function findPort(bridges: readonly BridgeRow[], name: string): PortRow | undefined {
  return bridges.flatMap((bridge) => bridge.ports).find((candidate) => candidate.name === name);
}

type InterfaceRow = PortRow['interface'];

function putBridge(bridges: readonly BridgeRow[], wanted: BridgeWanted): readonly BridgeRow[] {
  const old = bridges.find((bridge) => bridge.name === wanted.name);
  if (old === undefined) {
    vacant(bridges, wanted.name, wanted.name);
    const local = { name: wanted.name, externalIds: {}, interface: fresh(wanted.name, 'internal', null, null) };
    return sorted([...bridges, { ...wanted, ports: [local] }]);
  }
  ours(old, `bridge ${old.name}`);
  return replace(bridges, { ...wanted, ports: old.ports });
}

/** A bridge takes its ports with it, so it must not hold one of somebody else; its local port is its own. */
function deleteBridge(bridges: readonly BridgeRow[], name: string): readonly BridgeRow[] {
  const old = bridges.find((bridge) => bridge.name === name);
  if (old === undefined) return bridges;
  ours(old, `bridge ${name}`);
  for (const port of old.ports) if (port.name !== name) ours(port, `port ${port.name} on bridge ${name}`);
  return bridges.filter((bridge) => bridge !== old);
}

function putPort(bridges: readonly BridgeRow[], wanted: PortWanted): readonly BridgeRow[] {
  const target = bridges.find((bridge) => bridge.name === wanted.bridge);
  if (target === undefined) throw new OpError('host', `no bridge ${wanted.bridge} for port ${wanted.name}`);
  ours(target, `bridge ${target.name}`);
  const old = findPort(bridges, wanted.name);
  const claimed = wanted.claim === true && holder(bridges, wanted.name) === target;
  if (old !== undefined && !claimed) ours(old, `port ${old.name} on bridge ${holder(bridges, old.name)?.name}`);
  const others = bridges.map((bridge) => ({ ...bridge, ports: bridge.ports.filter((port) => port !== old) }));
  vacant(others, wanted.name, wanted.interface.name);
  const { name, type, ofportRequest, mac } = wanted.interface;
  const kept = old?.interface.name === name ? old.interface : fresh(name, type, ofportRequest, mac);
  const port = {
    name: wanted.name,
    externalIds: wanted.externalIds,
    interface: { ...kept, type, ofportRequest, mac },
  };
  return others.map((bridge) =>
    bridge.name === target.name ? { ...bridge, ports: sorted([...bridge.ports, port]) } : bridge,
  );
}

function deletePort(bridges: readonly BridgeRow[], from: string, name: string): readonly BridgeRow[] {
  const bridge = bridges.find((candidate) => candidate.name === from);
  const old = bridge?.ports.find((port) => port.name === name);
  if (bridge === undefined || old === undefined) return bridges;
  ours(old, `port ${name} on bridge ${from}`);
  return replace(bridges, { ...bridge, ports: bridge.ports.filter((port) => port !== old) });
}

/** The names of Port rows are unique over the database, and so are those of Interface rows. */
function vacant(bridges: readonly BridgeRow[], port: string, device: string): void {
  for (const bridge of bridges)
    for (const taken of bridge.ports) {
      if (taken.name !== port && taken.interface.name !== device) continue;
      const what = `port ${taken.name} (interface ${taken.interface.name}) on bridge ${bridge.name}`;
      ours(taken, what);
      throw new OpError('protocol', `${what} has the name already`);
    }
}

function ours(row: { readonly externalIds: Readonly<Record<string, string>> }, what: string): void {
  if (Object.hasOwn(row.externalIds, MARK)) return;
  throw new OpError('foreign', `${what} exists and is not op-dbus's`, {
    at: what,
    hint: 'Use another name in the file, or remove the old one with ovs-vsctl.',
  });
}

function fresh(name: string, type: string, ofportRequest: number | null, mac: string | null): InterfaceRow {
  return { name, type, ofport: null, ofportRequest, mac, macInUse: null, error: null, externalIds: {} };
}

function replace(bridges: readonly BridgeRow[], row: BridgeRow): readonly BridgeRow[] {
  return bridges.map((bridge) => (bridge.name === row.name ? row : bridge));
}
