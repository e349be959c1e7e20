// Rows of the Open vSwitch database: how they are asked for and read (ovs-vswitchd.conf.db(5)). Pure.

import { OpError } from '../../error.ts';
import { map, optionalNumber, optionalString, type Row, rows, string, strings } from './column.ts';
import type { BridgeRow, PortRow } from './contract.ts';

/** One operation of a transaction (RFC 7047 §5.2), in wire form. */
export type Operation = { readonly op: string } & Readonly<Record<string, unknown>>;

/** What one transaction of `selects` saw. Bridges and their ports are sorted by name; uuids are found by name. */
export type Snapshot = {
  readonly bridges: readonly BridgeRow[];
  readonly uuids: { readonly bridge: ReadonlyMap<string, string>; readonly port: ReadonlyMap<string, string> };
};

/** The columns that `snapshot` needs, by table. */
const columns = {
  Bridge: ['name', 'datapath_type', 'fail_mode', 'other_config', 'external_ids', 'ports'],
  Port: ['name', 'external_ids', 'interfaces'],
  Interface: ['name', 'type', 'ofport', 'ofport_request', 'mac', 'mac_in_use', 'error', 'external_ids'],
} as const;

/** Operations that read them. */
export const selects: readonly Operation[] = Object.entries(columns).map(([table, names]) => {
  return { op: 'select', table, where: [], columns: ['_uuid', ...names] };
});

/** What to ask a `monitor` for that tells of changes in them, and not of what is there (RFC 7047 §4.1.5). */
export const changes = Object.fromEntries(
  Object.entries(columns).map(([table, names]) => [table, { columns: names, select: { initial: false } }]),
);

/** Reads the results of `selects`. @throws OpError `protocol` when they are not of that shape. */
export function snapshot(results: readonly unknown[]): Snapshot {
  const [bridges, ports, interfaces] = selects.map((_, index) => rows(results[index]));
  if (bridges === undefined || ports === undefined || interfaces === undefined)
    throw new OpError('protocol', 'no rows');
  const interfaceOf = new Map(interfaces.map((row) => [string(row, '_uuid'), readInterface(row)]));
  const portOf = new Map(ports.map((row) => [string(row, '_uuid'), readPort(row, interfaceOf)]));
  const found = bridges.map((row) => ({
    name: string(row, 'name'),
    datapathType: string(row, 'datapath_type'),
    failMode: optionalString(row, 'fail_mode') ?? '',
    otherConfig: map(row, 'other_config'),
    externalIds: map(row, 'external_ids'),
    ports: sorted(strings(row, 'ports').map((id) => referred(portOf, id))),
  }));
  const byName = (list: readonly Row[]) => new Map(list.map((row) => [string(row, 'name'), string(row, '_uuid')]));
  return { bridges: sorted(found), uuids: { bridge: byName(bridges), port: byName(ports) } };
}

/** `list` by name: the database gives rows and sets in the order of their random uuids. */
export function sorted<T extends { readonly name: string }>(list: readonly T[]): readonly T[] {
  return list.toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

type InterfaceRow = PortRow['interface'];

function readPort(row: Row, interfaces: ReadonlyMap<string, InterfaceRow>): PortRow {
  const [first = ''] = strings(row, 'interfaces');
  return {
    name: string(row, 'name'),
    externalIds: map(row, 'external_ids'),
    interface: referred(interfaces, first),
  };
}

function readInterface(row: Row): InterfaceRow {
  return {
    name: string(row, 'name'),
    type: string(row, 'type'),
    ofport: optionalNumber(row, 'ofport'),
    ofportRequest: optionalNumber(row, 'ofport_request'),
    mac: optionalString(row, 'mac'),
    macInUse: optionalString(row, 'mac_in_use'),
    error: optionalString(row, 'error'),
    externalIds: map(row, 'external_ids'),
  };
}

function referred<T>(found: ReadonlyMap<string, T>, id: string): T {
  const row = found.get(id);
  if (row === undefined) throw new OpError('protocol', `no row ${id}`);
  return row;
}
