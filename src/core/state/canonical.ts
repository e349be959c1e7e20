// A match of the state file in the form in which the switch prints it (ovs-fields(7); the order is that of ovs-ofctl).

import { OpError } from '../../error.ts';
import { spell } from './value.ts';

/**
 * The words of a match, sorted and spelled as the switch does: `ip_dst=10.0.0.5/24,tcp,tcp_dst=0x50` is `tcp`,
 * `nw_dst=10.0.0.0/24`, `tp_dst=80`. @throws OpError `state` for a field that isn't known here, or a bad value.
 */
export function canonicalMatch(match: string): readonly string[] {
  const fields = new Map<string, string>();
  for (const word of match.split(/[\s,]+/).filter((part) => part !== '')) {
    const [key = '', value] = word.split('=');
    const name = fieldOf(key);
    if (value === undefined && protocols.has(name)) fields.set('kind', name);
    else if (value !== undefined && order.includes(name)) fields.set(name, spelled(match, key, value));
    else throw new OpError('state', `the match "${match}" has the field ${word}, which is not known here`);
  }
  const { kind, rest } = kindOf(fields);
  const words = order.flatMap((name) => {
    const value = rest.get(name);
    return value === undefined || value === '' ? [] : [`${name}=${value}`];
  });
  return kind === null ? words : [kind, ...words];
}

/** The name by which the switch prints a field: `nw_dst` for `ip_dst`. */
export function fieldOf(name: string): string {
  return alias[name] ?? name;
}

const protocols = new Set(['ip', 'icmp', 'tcp', 'udp', 'sctp', 'arp', 'ipv6', 'icmp6', 'tcp6', 'udp6']);

const alias: Readonly<Record<string, string>> = {
  eth_src: 'dl_src',
  eth_dst: 'dl_dst',
  eth_type: 'dl_type',
  ip_src: 'nw_src',
  ip_dst: 'nw_dst',
  ipv4_src: 'nw_src',
  ipv4_dst: 'nw_dst',
  ip_proto: 'nw_proto',
  ip_dscp: 'nw_tos',
  tcp_src: 'tp_src',
  tcp_dst: 'tp_dst',
  udp_src: 'tp_src',
  udp_dst: 'tp_dst',
  icmpv4_type: 'icmp_type',
  icmpv4_code: 'icmp_code',
};

const order =
  `in_port dl_src dl_dst dl_type nw_src nw_dst ipv6_src ipv6_dst arp_spa arp_tpa nw_proto arp_op arp_sha arp_tha nw_tos
  nw_ecn nw_ttl icmp_type icmp_code tp_src tp_dst tcp_flags`.split(/\s+/);

const types: Readonly<Record<string, string>> = {
  '0x0800': 'ip',
  '0x0806': 'arp',
  '0x86dd': 'ipv6',
  '0x8035': 'rarp',
  '0x8847': 'mpls',
  '0x8848': 'mplsm',
};

const transports: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  ip: { '1': 'icmp', '6': 'tcp', '17': 'udp', '132': 'sctp' },
  ipv6: { '58': 'icmp6', '6': 'tcp6', '17': 'udp6', '132': 'sctp6' },
};

/** `dl_type=0x0800,nw_proto=6` is printed as `tcp`. */
function kindOf(fields: ReadonlyMap<string, string>): { kind: string | null; rest: ReadonlyMap<string, string> } {
  const rest = new Map(fields);
  const base = rest.get('kind') ?? types[rest.get('dl_type') ?? ''] ?? null;
  rest.delete('kind');
  if (base !== null) rest.delete('dl_type');
  const whole = base === null ? undefined : transports[base]?.[rest.get('nw_proto') ?? ''];
  if (whole !== undefined) rest.delete('nw_proto');
  return { kind: whole ?? base, rest };
}

function spelled(match: string, name: string, value: string): string {
  const text = spell(name, value);
  if (text === null) throw new OpError('state', `the match "${match}" has ${name}=${value}, which is no value for it`);
  return text;
}
