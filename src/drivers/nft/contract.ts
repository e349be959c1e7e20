// nftables: one named table as text, replaced atomically; on the host or in a container's network namespace.

import type { Watch } from '../watch.ts';

export interface Nft {
  /** The table as `nft -s list table inet NAME` prints it (no counters, no final newline); null when there is none. */
  table(name: string): Promise<string | null>;
  /**
   * Replaces the table by `text` (a `table inet NAME {…}` block) in one transaction, after `nft -c` has accepted it.
   * @throws OpError `check` with nft's message and line when it doesn't parse: the old table stays.
   */
  replace(name: string, text: string): Promise<void>;
  /** Removes the table; quiet when there is none. */
  remove(name: string): Promise<void>;
  /**
   * Tells of every change of any table, of whatever family, by whomever, ours too; not of the rules of iptables-legacy.
   * A container's ends with the container. @throws OpError `host` when nft can't listen, or the container isn't running.
   */
  watch(changed: () => void): Promise<Watch>;
}
