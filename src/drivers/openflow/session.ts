// What op-dbus asks of one bridge, on one OpenFlow connection: flows, ports, tables, meters, and what changes.

import type { OpError } from '../../error.ts';
import { commit, type Mods } from './commit.ts';
import { dial } from './connection.ts';
import { putMeters, readMeterFeatures, readMeterStats, readMeters, removeMeters } from './metering.ts';
import { readCountedFlows, readFlows, readPortStats, readPorts, readTables } from './read.ts';
import { type Stop, watchFlows, watchPorts } from './watch.ts';
import type { CountedFlow, RawFlow } from './wire/flow.ts';
import type { Version } from './wire/message.ts';
import type { Meter, MeterFeatures, MeterStats } from './wire/meter.ts';
import type { FlowUpdate } from './wire/monitor.ts';
import type { Port, PortChange, PortStats } from './wire/port.ts';
import type { TableStats } from './wire/table.ts';

/**
 * A bridge's switch. Calls may be made side by side; they are sent in order and not waited for. Each is documented
 * where it is done (read.ts, commit.ts, metering.ts, watch.ts). After an error other than a refusal (`protocol` of
 * commit and the meters) the session is dead: open another.
 */
export type Session = {
  readonly version: Version;
  /** Why the session ended, `close` included; pending until then, and never rejected. */
  readonly ended: Promise<OpError>;
  dump(): Promise<readonly RawFlow[]>;
  counted(): Promise<readonly CountedFlow[]>;
  ports(): Promise<readonly Port[]>;
  portStats(): Promise<readonly PortStats[]>;
  tables(): Promise<readonly TableStats[]>;
  commit(mods: Mods): Promise<void>;
  meters(): Promise<readonly Meter[]>;
  meterStats(): Promise<readonly MeterStats[]>;
  meterFeatures(): Promise<MeterFeatures>;
  putMeters(wanted: readonly Meter[]): Promise<void>;
  removeMeters(ids: readonly number[]): Promise<void>;
  watch(onUpdate: (update: FlowUpdate) => void, options?: { readonly brief?: boolean }): Promise<Stop>;
  watchPorts(onChange: (change: PortChange) => void): Promise<Stop>;
  close(): Promise<void>;
};

/**
 * The switch behind the unix socket `path` (`RUNDIR/BRIDGE.mgmt`); `deadline` in milliseconds, see dial.
 * @throws OpError `host` when there is nobody, or nobody who speaks OpenFlow 1.4 or 1.3.
 */
export async function openSession(path: string, deadline: number = 10_000): Promise<Session> {
  const connection = await dial(path, deadline);
  return {
    version: connection.version,
    ended: connection.ended,
    dump: () => readFlows(connection),
    counted: () => readCountedFlows(connection),
    ports: () => readPorts(connection),
    portStats: () => readPortStats(connection),
    tables: () => readTables(connection),
    commit: (mods) => commit(connection, mods),
    meters: () => readMeters(connection),
    meterStats: () => readMeterStats(connection),
    meterFeatures: () => readMeterFeatures(connection),
    putMeters: (wanted) => putMeters(connection, wanted),
    removeMeters: (ids) => removeMeters(connection, ids),
    watch: (onUpdate, options) => watchFlows(connection, onUpdate, options),
    watchPorts: (onChange) => watchPorts(connection, onChange),
    close: () => connection.close(),
  };
}
