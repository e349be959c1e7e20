// IPv4 addresses, prefixes and networks as numbers (RFC 4632 §3.1). net.isIPv4 is the gate: no octal, no short forms.

import { isIPv4 } from 'node:net';

/** An IPv4 address with its prefix length: `{ip: '10.0.0.100', prefix: 24}`. */
export type Address = { readonly ip: string; readonly prefix: number };

/** Reads `10.0.0.100/24`; null for anything else, such as `010.0.0.1/8`, `1.2.3.4`, `1.2.3.4/33`, `1.2.3.4/08`. */
export function parseAddress(text: string): Address | null {
  const [, ip, prefix] = /^([0-9.]{7,15})\/(0|[1-9][0-9]?)$/.exec(text) ?? [];
  if (ip === undefined || prefix === undefined || !isIPv4(ip) || Number(prefix) > 32) return null;
  return { ip, prefix: Number(prefix) };
}

export function showAddress({ ip, prefix }: Address): string {
  return `${ip}/${prefix}`;
}

/** The unsigned 32-bit number of an address that has passed net.isIPv4. */
export function ipToNumber(ip: string): number {
  return ip.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
}

export function numberToIp(number: number): string {
  return [24, 16, 8, 0].map((shift) => (number >>> shift) & 255).join('.');
}

/** Smaller number first. */
export function compareIps(a: string, b: string): number {
  return ipToNumber(a) - ipToNumber(b);
}

/** The network that an address is in: `10.0.0.0/24` of `10.0.0.100/24`. */
export function networkOf({ ip, prefix }: Address): Address {
  return { ip: numberToIp(first(ip, prefix)), prefix };
}

/** The last address of a network: `10.0.0.255` of `10.0.0.0/24`. */
export function broadcastOf({ ip, prefix }: Address): string {
  return numberToIp(first(ip, prefix) + 2 ** (32 - prefix) - 1);
}

/** The n-th address of a network, the network address being the 0th; null past its end. */
export function nthOf({ ip, prefix }: Address, n: number): string | null {
  return n < 2 ** (32 - prefix) ? numberToIp(first(ip, prefix) + n) : null;
}

export function contains(network: Address, ip: string): boolean {
  return first(ip, network.prefix) === first(network.ip, network.prefix);
}

/** Whether two networks share an address. */
export function overlap(a: Address, b: Address): boolean {
  return a.prefix < b.prefix ? contains(a, b.ip) : contains(b, a.ip);
}

/** Whether a host may have this address: not in 0/8 or 127/8, not multicast or above (RFC 6890 §2.2.2). */
export function assignable(ip: string): boolean {
  const head = Math.floor(ipToNumber(ip) / 2 ** 24);
  return head !== 0 && head !== 127 && head < 224;
}

/** What a VPS's proxy must never reach: the host's and the provider's own networks, and no place at all (RFC 6890 §2.2). */
export const reserved: readonly Address[] = [
  { ip: '0.0.0.0', prefix: 8 },
  { ip: '10.0.0.0', prefix: 8 },
  { ip: '100.64.0.0', prefix: 10 },
  { ip: '127.0.0.0', prefix: 8 },
  { ip: '169.254.0.0', prefix: 16 },
  { ip: '172.16.0.0', prefix: 12 },
  { ip: '192.168.0.0', prefix: 16 },
  { ip: '224.0.0.0', prefix: 3 },
];

function first(ip: string, prefix: number): number {
  const size = 2 ** (32 - prefix);
  return Math.floor(ipToNumber(ip) / size) * size;
}
