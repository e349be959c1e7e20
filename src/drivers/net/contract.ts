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

export interface Net {
  links(): Promise<readonly Link[]>;
  /** Sets link up. */
  up(device: string): Promise<void>;
  addAddress(device: string, address: string): Promise<void>;
  removeAddress(device: string, address: string): Promise<void>;
  /** The interface of the IPv4 default route with the lowest metric; null when there is none. */
  uplink(): Promise<string | null>;
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
