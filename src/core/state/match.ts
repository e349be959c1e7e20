// Matches of a user's flows: names of fields, their values, and what each needs beside it (ovs-fields(7)).

import { isIPv4 } from 'node:net';
import { parseAddress } from '../address.ts';
import { fieldOf } from './canonical.ts';

export type MatchFault = { readonly field: string; readonly message: string; readonly hint?: string };

/** Field → value; a value that the schema refused is undefined. */
export type Fields = Readonly<Record<string, string | number | undefined>>;

/** Every field that is understood; the bare protocols among them have the value "". */
export const fieldNames: readonly string[] =
  `ip ipv6 arp tcp udp sctp icmp tcp6 udp6 icmp6 in_port dl_type eth_type dl_src dl_dst eth_src eth_dst nw_proto ip_proto
  nw_src nw_dst ip_src ip_dst ipv4_src ipv4_dst arp_spa arp_tpa tp_src tp_dst tcp_src tcp_dst udp_src udp_dst icmp_type
  icmp_code icmpv4_type icmpv4_code`.split(/\s+/);

/**
 * What is wrong with a match: bad values, two protocols, a field by two names, and fields without their prerequisite, which the switch would
 * drop from the match without a word, so that it took more than was written. Unknown fields are not judged here.
 * `ports`: the names that in_port may have.
 */
export function matchFaults(match: Fields, ports: readonly string[]): readonly MatchFault[] {
  const present = Object.keys(match).filter((field) => match[field] !== undefined);
  const rivals = [second(present, etherType), second(present, ipProtocol)].filter((field) => field !== undefined);
  if (rivals[0] !== undefined) return [{ field: rivals[0], message: 'a second protocol: no packet has two' }];
  const unsure = [...etherType, ...ipProtocol].some(
    (field) => Object.hasOwn(match, field) && match[field] === undefined,
  );
  if (unsure) return present.flatMap((field) => valueFault(field, match, ports));
  return present.flatMap((field, index) => [
    ...valueFault(field, match, ports),
    ...prerequisiteFault(field, match),
    ...spellingFault(field, present.slice(0, index)),
  ]);
}

/** The match in ovs-ofctl's syntax, prerequisites first: `tcp,in_port=internal_100,tp_dst=80`; `port` translates in_port. */
export function showMatch(match: Fields, port: (name: string) => string): string {
  const rank = (field: string) => (etherType.includes(field) ? 0 : ipProtocol.includes(field) ? 1 : 2);
  return Object.keys(match)
    .toSorted((a, b) => rank(a) - rank(b) || (a < b ? -1 : 1))
    .map((field) =>
      bare.includes(field) ? field : `${field}=${field === 'in_port' ? port(String(match[field])) : match[field]}`,
    )
    .join(',');
}

/** The switch takes the last of them without a word. */
function spellingFault(field: string, before: readonly string[]): readonly MatchFault[] {
  const twin = before.find((other) => fieldOf(other) === fieldOf(field));
  return twin === undefined ? [] : [{ field, message: `${twin} is the same field: expected one of them` }];
}

const bare = ['ip', 'ipv6', 'arp', 'tcp', 'udp', 'sctp', 'icmp', 'tcp6', 'udp6', 'icmp6'];
const etherType = [...bare, 'dl_type', 'eth_type'];
const ipProtocol = ['tcp', 'udp', 'sctp', 'icmp', 'tcp6', 'udp6', 'icmp6', 'nw_proto', 'ip_proto'];

function second(present: readonly string[], family: readonly string[]): string | undefined {
  return present.filter((field) => family.includes(field))[1];
}

function valueFault(field: string, match: Fields, ports: readonly string[]): readonly MatchFault[] {
  const value = String(match[field]);
  if (bare.includes(field)) return value === '' ? [] : [{ field, message: 'expected "": a protocol has no value' }];
  const form = field === 'in_port' ? 'port' : (Object.entries(forms).find(([, { of }]) => of.test(field))?.[0] ?? null);
  if (form === null) return [];
  if (form === 'port')
    return ports.includes(value) ? [] : [{ field, message: 'no such port: expected the port of a container' }];
  const { expected, good } = forms[form as keyof typeof forms];
  return good(value) ? [] : [{ field, message: `expected ${expected}` }];
}

/** Field → what must be beside it, one of these layers. */
const needs: readonly (readonly [RegExp, readonly string[]])[] = [
  [/^(nw|ip)_proto$/, ['ip', 'ipv6']],
  [/^(nw|ip|ipv4)_(src|dst)$/, ['ip']],
  [/^tp_(src|dst)$/, ['tcp', 'udp', 'sctp']],
  [/^tcp_/, ['tcp']],
  [/^udp_/, ['udp']],
  [/^icmp(v4)?_/, ['icmp']],
  [/^arp_/, ['arp']],
];

function prerequisiteFault(field: string, match: Fields): readonly MatchFault[] {
  const wanted = needs.find(([fields]) => fields.test(field))?.[1] ?? [];
  const there = layers(match);
  if (wanted.length === 0 || wanted.some((layer) => there.includes(layer))) return [];
  const message = `${field} needs ${wanted.join(' or ')} beside it: without, the switch ignores it and matches every packet`;
  return [{ field, message, hint: `Add ${wanted.map((layer) => `"${layer}": ""`).join(' or ')} to match_fields.` }];
}

/** The layers that a match is limited to, by name or by number: `['ip', 'tcp']`. */
export function layers(match: Fields): readonly string[] {
  const named =
    bare.find((field) => match[field] !== undefined) ?? types[Number(match['dl_type'] ?? match['eth_type'])];
  if (named === undefined) return [];
  const base = named === 'arp' ? 'arp' : named.endsWith('6') ? 'ipv6' : 'ip';
  if (named !== 'ip' && named !== 'ipv6') return [base, named.replace(/6$/, '')];
  const transport = transports[Number(match['nw_proto'] ?? match['ip_proto'])];
  if (transport === undefined || (transport === 'icmp6') !== (base === 'ipv6' && transport.startsWith('icmp')))
    return [base];
  return [base, transport.replace(/6$/, '')];
}

const types: Readonly<Record<number, string>> = { 0x0800: 'ip', 0x0806: 'arp', 0x86dd: 'ipv6' };
const transports: Readonly<Record<number, string>> = { 6: 'tcp', 17: 'udp', 132: 'sctp', 1: 'icmp', 58: 'icmp6' };

const forms = {
  mac: {
    of: /^(dl|eth)_(src|dst)$/,
    expected: 'a MAC address, like 02:0a:00:01:00:64',
    good: (value: string) => /^([0-9a-f]{2}:){5}[0-9a-f]{2}$/i.test(value),
  },
  network: {
    of: /^(nw|ip|ipv4)_(src|dst)$|^arp_[st]pa$/,
    expected: 'an IPv4 address or network, like 10.0.0.0/24',
    good: (value: string) => isIPv4(value) || parseAddress(value) !== null,
  },
  word: {
    of: /^((dl|eth)_type|(tp|tcp|udp)_(src|dst))$/,
    expected: 'a number from 0 to 65535',
    good: (value: string) => within(value, 65535),
  },
  byte: {
    of: /^((nw|ip)_proto|icmp(v4)?_(type|code))$/,
    expected: 'a number from 0 to 255',
    good: (value: string) => within(value, 255),
  },
} as const;

function within(value: string, limit: number): boolean {
  return /^(0x[0-9a-f]{1,4}|0|[1-9][0-9]{0,4})$/i.test(value) && Number(value) <= limit;
}
