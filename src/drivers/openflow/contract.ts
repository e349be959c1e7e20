// A bridge's flow table as text, in the form ovs-ofctl prints with --names. The native client comes behind the same contract.

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

export interface OpenFlow {
  /** All flows of the bridge, without counters. @throws OpError `host` when the bridge can't be reached. */
  flows(bridge: string): Promise<readonly Flow[]>;
  /**
   * Adds (or modifies, by table, priority and match) and deletes (strictly) in one bundle: all or nothing.
   * @throws OpError `protocol` with the switch's error and the flow that it names.
   */
  bundle(bridge: string, add: readonly Flow[], remove: readonly Flow[]): Promise<void>;
  /** Forgets the conntrack entries of a zone. Quiet when the datapath has none. */
  flushZone(zone: number): Promise<void>;
}
