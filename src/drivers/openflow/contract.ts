// A bridge's flows as text, in the form ovs-ofctl prints with --names, and its meters.

import type { OpError } from '../../error.ts';
import type { Watch } from '../watch.ts';

/**
 * One flow, ports by name. What the switch prints; the flow kind brings both sides to one canonical form.
 * `cookie` is a hexadecimal string like `0xdead0001`.
 */
export type Flow = {
  readonly cookie: string;
  readonly table: number;
  readonly priority: number;
  readonly match: string;
  readonly actions: string;
};

/** A limit: what exceeds `rate` (packets or kilobits a second), once `burst` is used up, is dropped. */
export type Meter = {
  readonly id: number;
  readonly unit: 'pktps' | 'kbps';
  readonly rate: number;
  readonly burst: number;
};

export type MirrorOptions = {
  /** Which flows are in the copy; others are neither seen nor removed. */
  readonly mine: (flow: Flow) => boolean;
  /** Called when somebody else changed flows or ports, or changes may have been missed: look again. */
  readonly changed: () => void;
};

/**
 * Flows as lines, each as printFlow gives it. The switch tells of changes by others: the copy is as late as its
 * messages. When it couldn't tell all (it was paused, ports changed), the next call reads anew. It doesn't tell of
 * flags and importance: a flow that somebody else changed has none in the copy.
 */
export type Mirror = {
  lines(): Promise<ReadonlySet<string>>;
  /**
   * Makes the flows be `wanted`: what differs, in one bundle, or nothing at all. One that isn't `mine` is replaced when
   * it has the table, priority and match of a wanted one. The list itself is kept: it must not change later.
   * @returns how many flows were added (or changed) and removed. @throws as `bundle`; the copy stays right.
   */
  replace(wanted: readonly string[]): Promise<{ readonly added: number; readonly removed: number }>;
  /** Why the switch was lost, or that the mirror was closed; then make another. Pending until then, never rejected. */
  readonly ended: Promise<OpError>;
  close(): Promise<void>;
};

export interface OpenFlow {
  /**
   * All flows of the bridge, without counters. The very list that it gave before, as a rule, if nothing has changed.
   * @throws OpError `host` when the bridge can't be reached.
   */
  flows(bridge: string): Promise<readonly Flow[]>;
  /**
   * Adds (or modifies, by table, priority and match) and deletes (strictly) in one bundle: all or nothing.
   * @throws OpError `protocol` with the switch's error and the flow that it names.
   */
  bundle(bridge: string, add: readonly Flow[], remove: readonly Flow[]): Promise<void>;
  /** A copy of some of the bridge's flows that follows it. @throws OpError `host` without OpenFlow 1.4. */
  mirror(bridge: string, options: MirrorOptions): Promise<Mirror>;
  /**
   * Tells of every change of the bridge's flows and ports, by whomever, ours too, and keeps none of them. Of meters it
   * doesn't, and with a switch that speaks no OpenFlow 1.4 of ports alone. Ends when the switch or the bridge goes.
   * @throws OpError `host` when the bridge can't be reached.
   */
  watch(bridge: string, changed: () => void): Promise<Watch>;
  /** All meters of the bridge, by id. One that is no plain limit (another band, no burst) has rate 0. */
  meters(bridge: string): Promise<readonly Meter[]>;
  /**
   * Adds meters or changes them in place; the flows that use one keep it.
   * @throws OpError `protocol` when the switch can't have it, which leaves those before it done.
   */
  putMeters(bridge: string, meters: readonly Meter[]): Promise<void>;
  /**
   * Removes meters; quiet for one that is not there.
   * @throws OpError `foreign` when a flow uses one: the switch would delete the flow with it. None is removed.
   */
  removeMeters(bridge: string, ids: readonly number[]): Promise<void>;
  /** Forgets the conntrack entries of a zone. Quiet when the datapath has none. */
  flushZone(zone: number): Promise<void>;
}
