// Steps to the operations of one OVSDB transaction, and its results back (RFC 7047 §4.1.3 and §5.2). Pure.

import { OpError } from '../../error.ts';
import { encode, named, set, uuid, type Wire } from './codec.ts';
import type { BridgeRow, BridgeWanted, PortWanted, Step } from './contract.ts';
import type { Operation, Snapshot } from './rows.ts';
import { after, findPort, holder } from './step.ts';

/** An interface that a transaction puts: its error is the transaction's. */
export type Put = { readonly name: string; readonly type: string };

export type Transaction = {
  /** Guards first, then the changes, then `next_cfg`, which the last operation selects. Empty: nothing to do. */
  readonly operations: readonly Operation[];
  readonly interfaces: readonly Put[];
};

/**
 * One transaction that carries out `steps` on what `found` saw, and fails when a row that it touches has since become
 * another's. A row that exists is changed in place, under its uuid: a device never goes and comes again for it.
 * @throws OpError as `after` does.
 */
export function transaction(found: Snapshot, steps: readonly Step[], comment: string): Transaction {
  const draft = { found, references: new Map<string, Wire>(), serial: 0 };
  const interfaces = new Map<string, Put>();
  const changes: Operation[] = [];
  const guards = new Map<string, Operation>();
  let now = found.bridges;
  for (const step of steps) {
    const next = after(now, step);
    for (const guard of guardsOf(found, step)) guards.set(JSON.stringify(guard), guard);
    changes.push(...operationsOf(draft, now, step));
    for (const put of putsOf(step)) interfaces.set(put.name, put);
    now = next;
  }
  const left = new Set(now.flatMap((bridge) => bridge.ports.map((port) => port.interface.name)));
  const put = [...interfaces.values()].filter(({ name }) => left.has(name));
  if (changes.length === 0) return { operations: [], interfaces: [] };
  const root = { table: 'Open_vSwitch', where: [] };
  const last: readonly Operation[] = [
    { op: 'comment', comment },
    { op: 'mutate', ...root, mutations: [['next_cfg', '+=', 1]] },
    { op: 'select', ...root, columns: ['next_cfg'] },
  ];
  return { operations: [...guards.values(), ...changes, ...last], interfaces: put };
}

export type Outcome =
  | { readonly ok: true; readonly results: readonly unknown[] }
  /** `stale`: a guard or an index refused it, so what it was made from is no longer so. */
  | { readonly ok: false; readonly stale: boolean; readonly reason: string };

/**
 * The results of `count` operations. An error in any place means that nothing was done; one of the commit stands behind
 * the last operation's result.
 * @throws OpError `protocol` when it is no such list.
 */
export function outcome(reply: unknown, count: number): Outcome {
  if (!Array.isArray(reply) || reply.length < count) throw new OpError('protocol', 'a transaction without results');
  for (const result of reply as readonly unknown[]) {
    if (result === null || typeof result !== 'object' || !('error' in result)) continue;
    const error = String(result.error);
    const details = 'details' in result ? `: ${String(result.details)}` : '';
    return { ok: false, stale: error === 'timed out' || error === 'constraint violation', reason: error + details };
  }
  return { ok: true, results: reply };
}

/** The interfaces that a step puts; a bridge puts its local one. */
export function putsOf(step: Step): readonly Put[] {
  if (step.op === 'put-bridge') return [{ name: step.bridge.name, type: 'internal' }];
  if (step.op === 'put-port') return [{ name: step.port.interface.name, type: step.port.interface.type }];
  return [];
}

type Draft = { readonly found: Snapshot; readonly references: Map<string, Wire>; serial: number };

/** Rows that exist and are touched must still carry the mark that was seen; a bridge that goes, its ports too. */
function guardsOf({ bridges, uuids }: Snapshot, step: Step): readonly Operation[] {
  const guard = (table: string, id: string | undefined, row: Readonly<Record<string, Wire>>): readonly Operation[] => {
    if (id === undefined) return [];
    const where = [['_uuid', '==', uuid(id)]];
    return [{ op: 'wait', timeout: 0, table, where, columns: Object.keys(row), until: '==', rows: [row] }];
  };
  const bridge = (name: string | undefined, whole: boolean): readonly Operation[] => {
    const seen = bridges.find((candidate) => candidate.name === name);
    if (seen === undefined) return [];
    const ports = seen.ports.map((port) => uuid(uuids.port.get(port.name) ?? ''));
    return guard('Bridge', uuids.bridge.get(seen.name), {
      external_ids: encode(seen.externalIds),
      ...(whole ? { ports: set(ports) } : {}),
    });
  };
  const port = (name: string): readonly Operation[] => {
    const seen = findPort(bridges, name);
    return seen === undefined ? [] : guard('Port', uuids.port.get(name), { external_ids: encode(seen.externalIds) });
  };
  switch (step.op) {
    case 'put-bridge':
      return bridge(step.bridge.name, false);
    case 'delete-bridge':
      return bridge(step.name, true);
    case 'put-port':
      return [...bridge(step.port.bridge, false), ...port(step.port.name)];
    case 'delete-port':
      return port(step.name);
  }
}

function operationsOf(draft: Draft, now: readonly BridgeRow[], step: Step): readonly Operation[] {
  switch (step.op) {
    case 'put-bridge':
      return putBridge(draft, now, step.bridge);
    case 'delete-bridge': {
      if (!now.some((bridge) => bridge.name === step.name)) return [];
      const reference =
        draft.references.get(`Bridge ${step.name}`) ?? uuid(draft.found.uuids.bridge.get(step.name) ?? '');
      return [mutate('Open_vSwitch', [], 'bridges', 'delete', reference)];
    }
    case 'put-port':
      return putPort(draft, now, step.port);
    case 'delete-port': {
      if (holder(now, step.name)?.name !== step.bridge) return [];
      return [mutate('Bridge', called(step.bridge), 'ports', 'delete', portReference(draft, step.name))];
    }
  }
}

function putBridge(draft: Draft, now: readonly BridgeRow[], wanted: BridgeWanted): readonly Operation[] {
  const columns = {
    datapath_type: wanted.datapathType,
    fail_mode: wanted.failMode,
    other_config: encode(wanted.otherConfig),
    external_ids: encode(wanted.externalIds),
  };
  if (now.some((bridge) => bridge.name === wanted.name)) return [update('Bridge', wanted.name, columns)];
  const { name } = wanted;
  const device = insert(draft, 'Interface', name, { name, type: 'internal' });
  const port = insert(draft, 'Port', name, { name, interfaces: device.reference });
  const bridge = insert(draft, 'Bridge', name, { name, ...columns, ports: port.reference });
  const join = mutate('Open_vSwitch', [], 'bridges', 'insert', bridge.reference);
  return [device.operation, port.operation, bridge.operation, join];
}

function putPort(draft: Draft, now: readonly BridgeRow[], wanted: PortWanted): readonly Operation[] {
  const { name, type, ofportRequest, mac } = wanted.interface;
  const columns = { type, ofport_request: optional(ofportRequest), mac: optional(mac) };
  const marked = { external_ids: encode(wanted.externalIds) };
  const old = findPort(now, wanted.name);
  if (old === undefined) {
    const device = insert(draft, 'Interface', name, { name, ...columns });
    const port = insert(draft, 'Port', wanted.name, { name: wanted.name, interfaces: device.reference, ...marked });
    const join = mutate('Bridge', called(wanted.bridge), 'ports', 'insert', port.reference);
    return [device.operation, port.operation, join];
  }
  const moves = moved(draft, now, wanted);
  if (old.interface.name === name)
    return [...moves, update('Port', wanted.name, marked), update('Interface', name, columns)];
  // An interface's name can't be changed: the port gets another interface, and the old one goes unreferenced.
  const device = insert(draft, 'Interface', name, { name, ...columns });
  return [...moves, device.operation, update('Port', wanted.name, { ...marked, interfaces: device.reference })];
}

function moved(draft: Draft, now: readonly BridgeRow[], wanted: PortWanted): readonly Operation[] {
  const from = holder(now, wanted.name)?.name;
  if (from === undefined || from === wanted.bridge) return [];
  const reference = portReference(draft, wanted.name);
  return [
    mutate('Bridge', called(from), 'ports', 'delete', reference),
    mutate('Bridge', called(wanted.bridge), 'ports', 'insert', reference),
  ];
}

function portReference(draft: Draft, name: string): Wire {
  return draft.references.get(`Port ${name}`) ?? uuid(draft.found.uuids.port.get(name) ?? '');
}

function insert(
  draft: Draft,
  table: string,
  name: string,
  row: Readonly<Record<string, Wire>>,
): { readonly operation: Operation; readonly reference: Wire } {
  const id = `row${draft.serial++}`;
  const reference = named(id);
  draft.references.set(`${table} ${name}`, reference);
  return { operation: { op: 'insert', table, row, 'uuid-name': id }, reference };
}

function update(table: string, name: string, row: Readonly<Record<string, Wire>>): Operation {
  return { op: 'update', table, where: called(name), row };
}

function mutate(
  table: string,
  where: unknown,
  column: string,
  mutator: 'insert' | 'delete',
  reference: Wire,
): Operation {
  return { op: 'mutate', table, where, mutations: [[column, mutator, set([reference])]] };
}

/** Names don't change and are unique, and rows inserted before are found by them within the transaction. */
function called(name: string): unknown {
  return [['name', '==', name]];
}

function optional(value: string | number | null): Wire {
  return value === null ? set([]) : value;
}
