// The Open vSwitch database as the kinds see it: rows in, rows out, one transaction a stage (RFC 7047).

import type { Watch } from '../watch.ts';

/** A column's value: an atom, a set of atoms, or a map from string to string. UUIDs are strings. */
export type Value =
  | string
  | number
  | boolean
  | readonly (string | number | boolean)[]
  | Readonly<Record<string, string>>;

export type BridgeRow = {
  readonly name: string;
  readonly datapathType: string;
  readonly failMode: string;
  readonly otherConfig: Readonly<Record<string, string>>;
  readonly externalIds: Readonly<Record<string, string>>;
  readonly ports: readonly PortRow[];
};

/** A Port row with its one Interface (bonds are not ours and are shown by their first interface). */
export type PortRow = {
  readonly name: string;
  readonly externalIds: Readonly<Record<string, string>>;
  readonly interface: {
    readonly name: string;
    readonly type: string;
    /** Assigned OpenFlow port; -1 when the switch couldn't open the device, null while it has not tried. */
    readonly ofport: number | null;
    readonly ofportRequest: number | null;
    /** The MAC asked for (column `mac`), null when none. */
    readonly mac: string | null;
    readonly macInUse: string | null;
    readonly error: string | null;
    readonly externalIds: Readonly<Record<string, string>>;
  };
};

/** Wanted content of rows. */
export type BridgeWanted = {
  readonly name: string;
  readonly datapathType: string;
  readonly failMode: 'secure' | 'standalone';
  readonly otherConfig: Readonly<Record<string, string>>;
  readonly externalIds: Readonly<Record<string, string>>;
};

export type PortWanted = {
  readonly bridge: string;
  /** Whether a port of that name on that bridge is taken also without our mark: somebody makes it for us. */
  readonly claim?: boolean;
  readonly name: string;
  readonly externalIds: Readonly<Record<string, string>>;
  readonly interface: {
    readonly name: string;
    readonly type: string;
    readonly ofportRequest: number | null;
    readonly mac: string | null;
  };
};

/** One step of a transaction; all steps of a `transact` are committed or refused together. */
export type Step =
  /** Makes the bridge (with its local port and interface of the same name) or changes the named columns of it. */
  | { readonly op: 'put-bridge'; readonly bridge: BridgeWanted }
  | { readonly op: 'delete-bridge'; readonly name: string }
  /** Makes the port with its interface in its bridge, or changes it in place. */
  | { readonly op: 'put-port'; readonly port: PortWanted }
  | { readonly op: 'delete-port'; readonly bridge: string; readonly name: string };

export interface Ovsdb {
  /** @throws OpError `host` when the database can't be reached, also where `bridges` takes that for none. */
  reach(): Promise<void>;
  /** Every bridge with its ports. @throws OpError `host` when the database can't be reached. */
  bridges(): Promise<readonly BridgeRow[]>;
  /**
   * Commits `steps` in one transaction, bumps `next_cfg` and waits until `cur_cfg` has reached it. An empty list does
   * nothing. Afterwards no interface that was put has an `error`.
   * @throws OpError `foreign` when a port or bridge of that name exists elsewhere without our mark; `protocol` when the
   * database refuses; `timeout` when ovs-vswitchd doesn't take it within 10 s; `host` when an interface has an error.
   */
  transact(steps: readonly Step[], comment: string): Promise<void>;
  /**
   * Tells of every change of what `bridges` reads, by whomever, ours too. Ends when the database goes, and with this
   * `close`. It asks nothing of ovs-vswitchd. @throws OpError `host` when the database can't be reached.
   */
  watch(changed: () => void): Promise<Watch>;
  /** Closes the connection, and ends the watches. */
  close(): Promise<void>;
}

/** The key in `external_ids` that marks a row as ours. Its value is the resource's name. */
export const MARK = 'op-dbus';
