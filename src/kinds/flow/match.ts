// A match of the state file in the form in which the switch prints it (ovs-fields(7); the order is that of ovs-ofctl).

import { isIPv4 } from 'node:net';
import { ipToNumber, networkOf, parseAddress } from '../../core/address.ts';
import { OpError } from '../../error.ts';

/**
 * The words of a match, sorted and spelled as the switch does: `ip_dst=10.0.0.5/24,tcp,tcp_dst=0x50` is `tcp`,
 * `nw_dst=10.0.0.0/24`, `tp_dst=80`. @throws OpError `state` for a field that isn't known here, or a bad value.
 */
export function canonicalMatch(match: string): readonly string[] {
  const fields = new Map<string, string>();
  for (const word of match.split(/[\s,]+/).filter((part) => part !== '')) {
    const [key = '', value] = word.split('=');
    const name = value === undefined ? key : (alias[key] ?? key);
    if (value === undefined && protocols.has(name)) fields.set('kind', name);
    else if (value !== undefined && values[name] !== undefined) fields.set(name, spelled(match, name, value));
    else throw new OpError('state', `the match "${match}" has the field ${word}, which is not known here`);
  }
  const { kind, rest } = kindOf(fields);
  const words = order.flatMap((name) => {
    const value = rest.get(name);
    return value === undefined || value === '' ? [] : [`${name}=${value}`];
  });
  return kind === null ? words : [kind, ...words];
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
  tcp_src: 'tp_src',
  tcp_dst: 'tp_dst',
  udp_src: 'tp_src',
  udp_dst: 'tp_dst',
  icmpv4_type: 'icmp_type',
  icmpv4_code: 'icmp_code',
};

const order = [
  'in_port',
  'dl_src',
  'dl_dst',
  'dl_type',
  'nw_src',
  'nw_dst',
  'arp_spa',
  'arp_tpa',
  'nw_proto',
  'icmp_type',
  'icmp_code',
  'tp_src',
  'tp_dst',
];

/** How each field's value is spelled; null when it can't be. An empty one matches everything and is left out. */
const values: Readonly<Record<string, (value: string) => string | null>> = {
  in_port: (value) => (/^[A-Za-z0-9_.-]+$/.test(value) ? value : null),
  dl_src: mac,
  dl_dst: mac,
  dl_type: (value) => number(value, 0xffff, (type) => `0x${type.toString(16).padStart(4, '0')}`),
  nw_src: network,
  nw_dst: network,
  arp_spa: network,
  arp_tpa: network,
  nw_proto: (value) => number(value, 0xff, String),
  icmp_type: (value) => number(value, 0xff, String),
  icmp_code: (value) => number(value, 0xff, String),
  tp_src: (value) => number(value, 0xffff, String),
  tp_dst: (value) => number(value, 0xffff, String),
};

/** `dl_type=0x0800,nw_proto=6` is printed as `tcp`. */
function kindOf(fields: ReadonlyMap<string, string>): { kind: string | null; rest: ReadonlyMap<string, string> } {
  const rest = new Map(fields);
  const type = rest.get('dl_type') ?? '';
  let kind = rest.get('kind') ?? { '0x0800': 'ip', '0x0806': 'arp', '0x86dd': 'ipv6' }[type] ?? null;
  rest.delete('kind');
  if (kind !== null) rest.delete('dl_type');
  const protocol = { '1': 'icmp', '6': 'tcp', '17': 'udp', '132': 'sctp' }[rest.get('nw_proto') ?? ''];
  if (kind !== 'ip' || protocol === undefined) return { kind, rest };
  rest.delete('nw_proto');
  kind = protocol;
  return { kind, rest };
}

function spelled(match: string, name: string, value: string): string {
  const text = values[name]?.(value) ?? null;
  if (text === null) throw new OpError('state', `the match "${match}" has ${name}=${value}, which is no value for it`);
  return text;
}

function mac(value: string): string | null {
  return /^([0-9a-f]{2}:){5}[0-9a-f]{2}$/i.test(value) ? value.toLowerCase() : null;
}

function number(value: string, most: number, show: (value: number) => string): string | null {
  if (!/^(0x[0-9a-f]+|0|[1-9][0-9]*)$/i.test(value)) return null;
  return Number(value) > most ? null : show(Number(value));
}

function network(value: string): string | null {
  const [ip = '', mask = '32'] = value.split('/');
  const address = parseAddress(`${ip}/${isIPv4(mask) ? length(mask) : mask}`);
  if (address === null) return null;
  if (address.prefix === 0) return '';
  return address.prefix === 32 ? address.ip : `${networkOf(address).ip}/${address.prefix}`;
}

/** 24 for 255.255.255.0; an unreadable length for a mask with holes. */
function length(mask: string): number {
  const zeros = Math.log2(2 ** 32 - ipToNumber(mask));
  return Number.isInteger(zeros) ? 32 - zeros : -1;
}
