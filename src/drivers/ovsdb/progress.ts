// How far the switch is with what it was told, by a monitor of the database: its configuration number, and how its
// interfaces fare (RFC 7047 §4.1.5). Pure.

import { OpError } from '../../error.ts';
import { optionalNumber, optionalString, type Row, string } from './column.ts';
import type { Put } from './transaction.ts';

/** `curCfg` is the `next_cfg` of the last configuration that ovs-vswitchd has taken. */
export type Progress = {
  readonly curCfg: number;
  readonly interfaces: ReadonlyMap<
    string,
    { readonly name: string; readonly ofport: number | null; readonly error: string | null }
  >;
};

/** Nothing seen yet. */
export const unseen: Progress = { curCfg: -1, interfaces: new Map() };

/** What to ask a `monitor` for: its first reply and every `update` after it go through `seen`. */
export const monitored = {
  Open_vSwitch: { columns: ['cur_cfg'] },
  Interface: { columns: ['name', 'ofport', 'error'] },
} as const;

/** `progress` after `updates`, the `<table-updates>` of a monitor. @throws OpError `protocol` when they are none. */
export function seen(progress: Progress, updates: unknown): Progress {
  let { curCfg } = progress;
  for (const [, row] of rowUpdates(updates, 'Open_vSwitch'))
    if (row !== null) curCfg = optionalNumber(row, 'cur_cfg') ?? curCfg;
  const changes = rowUpdates(updates, 'Interface');
  if (changes.length === 0) return { ...progress, curCfg };
  const interfaces = new Map(progress.interfaces);
  for (const [id, row] of changes) {
    if (row === null) interfaces.delete(id);
    else
      interfaces.set(id, {
        name: string(row, 'name'),
        ofport: optionalNumber(row, 'ofport'),
        error: optionalString(row, 'error'),
      });
  }
  return { curCfg, interfaces };
}

/**
 * What is wrong with the interfaces that were put, one line each: an error, or no OpenFlow port. A system device (type
 * '') may not exist yet, such as a veth whose container hasn't started: that it can't be opened is no trouble.
 */
export function troubles(progress: Progress, puts: readonly Put[]): readonly string[] {
  const byName = new Map([...progress.interfaces.values()].map((row) => [row.name, row]));
  return puts.flatMap(({ name, type }) => {
    const row = byName.get(name);
    if (row === undefined) return [`${name}: gone from the database`];
    const absent = type === '' && (row.error === null || row.error.startsWith('could not open network device'));
    if (absent) return [];
    if (row.error !== null) return [`${name}: ${row.error}`];
    return row.ofport === null || row.ofport < 0 ? [`${name}: the switch did not make it`] : [];
  });
}

/** Row's uuid and its new content, null when it was deleted. */
function rowUpdates(updates: unknown, table: string): readonly (readonly [string, Row | null])[] {
  return Object.entries(record(record(updates)[table] ?? {})).map(([id, change]) => {
    const fresh = record(change)['new'];
    return [id, fresh === undefined || fresh === null ? null : record(fresh)];
  });
}

function record(value: unknown): Row {
  if (value === null || typeof value !== 'object' || Array.isArray(value))
    throw new OpError('protocol', 'a monitor update of an unknown shape');
  return value as Row;
}
