// The host's own interfaces, addresses, routes and sysctls (iproute2's JSON output, /proc/sys).

import type { Watch } from '../watch.ts';

export type Link = {
  readonly name: string;
  readonly mac: string | null;
  readonly mtu: number;
  readonly up: boolean;
  /** Addresses with prefix, `10.0.0.1/24`, IPv4 only, in the kernel's order. */
  readonly addresses: readonly string[];
};

/** IPv4 or IPv6. */
export type Family = 4 | 6;

/** A routing rule (ip-rule(8)). */
export type Rule = {
  /** It carries our protocol number. */
  readonly ours: boolean;
  /** As `ip rule add` takes it, without the protocol: `priority 3 not iif lo blackhole`. */
  readonly text: string;
};

/** What marks a routing rule as ours (FRA_PROTOCOL): nobody has this number in iproute2's rt_protos. */
export const RULE_PROTOCOL = 219;

export interface Net {
  links(): Promise<readonly Link[]>;
  /** Sets link up. */
  up(device: string): Promise<void>;
  addAddress(device: string, address: string): Promise<void>;
  removeAddress(device: string, address: string): Promise<void>;
  /** The interface of the IPv4 default route with the lowest metric; null when there is none. */
  uplink(): Promise<string | null>;
  /** Everybody's routing rules in the order in which they are asked; null when the kernel has no such family. */
  rules(family: Family): Promise<readonly Rule[] | null>;
  /** Adds a rule of ours, at once in force, or not at all; quiet when it is there. A device need not be there. */
  addRule(family: Family, text: string): Promise<void>;
  /** Removes a rule of ours and nobody else's; quiet when it is not there. */
  removeRule(family: Family, text: string): Promise<void>;
  /**
   * Ends the tracked connections to a port (conntrack(8)), so that their next packet meets the rules of now. A client
   * that keeps sending keeps its old address rewrite alive for ever otherwise.
   */
  forget(protocol: 'tcp' | 'udp', port: number): Promise<void>;
  /** A value below /proc/sys, key in sysctl notation with `/` for a dot inside a name; null when there is no such key. */
  sysctl(key: string): Promise<string | null>;
  setSysctl(key: string, value: string): Promise<void>;
  /**
   * Tells of every change of links, addresses, routes and rules, by whomever, ours too. Of sysctls only of those that the
   * kernel itself tells of: forwarding (`net.ipv4.ip_forward` too) and `rp_filter`. @throws OpError `host` when ip can't
   * listen.
   */
  watch(changed: () => void): Promise<Watch>;
}
