// Values of match fields as the switch prints them (ovs-fields(7)).

import { isIPv4, isIPv6 } from 'node:net';
import { ipToNumber, networkOf, parseAddress } from '../address.ts';

/** The field's value as the switch prints it, '' when it matches everything, null when it is no value for the field. */
export function spell(field: string, value: string): string | null {
  return forms.find(([fields]) => fields.test(field))?.[1](value) ?? null;
}

const forms: readonly (readonly [RegExp, (value: string) => string | null])[] = [
  [/^in_port$/, (value) => (/^[A-Za-z0-9_.-]+$/.test(value) ? value : null)],
  [/^(dl|eth)_(src|dst)$|^arp_[st]ha$/, mac],
  [/^(dl|eth)_type$/, (value) => number(value, 0xffff, (type) => `0x${type.toString(16).padStart(4, '0')}`)],
  [/^(nw|ip|ipv4)_(src|dst)$|^arp_[st]pa$/, ipv4],
  [/^ipv6_(src|dst)$/, ipv6],
  [/^nw_tos$/, (value) => number(value, 0xfc, (tos) => (tos % 4 === 0 ? `${tos}` : null))],
  [/^ip_dscp$/, (value) => number(value, 63, (dscp) => `${dscp * 4}`)],
  [/^nw_ecn$/, (value) => number(value, 3, String)],
  [/^((nw|ip)_proto|nw_ttl|icmp(v4)?_(type|code))$/, (value) => number(value, 0xff, String)],
  [/^((tp|tcp|udp)_(src|dst)|arp_op)$/, (value) => number(value, 0xffff, String)],
  [/^tcp_flags$/, flags],
];

function number(value: string, most: number, show: (value: number) => string | null): string | null {
  if (!/^(0x[0-9a-f]+|0|[1-9][0-9]*)$/i.test(value)) return null;
  return Number(value) > most ? null : show(Number(value));
}

/** In the order of the bits, the lowest first. */
function flags(value: string): string | null {
  const known = ['fin', 'syn', 'rst', 'psh', 'ack', 'urg', 'ece', 'cwr', 'ns'];
  const given = new Map([...value.matchAll(/([+-])([a-z]+)/g)].map(([, sign = '', name = '']) => [name, sign]));
  const printed = known.flatMap((name) => (given.has(name) ? [`${given.get(name)}${name}`] : [])).join('');
  return printed.length === value.length && given.size > 0 ? printed : null;
}

function mac(value: string): string | null {
  const parts = value.toLowerCase().split('/');
  if (parts.length > 2 || parts.some((part) => !/^([0-9a-f]{2}:){5}[0-9a-f]{2}$/.test(part))) return null;
  const [address = 0n, mask = 2n ** 48n - 1n] = parts.map((part) => BigInt(`0x${part.replaceAll(':', '')}`));
  const show = (bits: bigint): string => (bits.toString(16).padStart(12, '0').match(/../g) ?? []).join(':');
  if (mask === 0n) return '';
  return mask === 2n ** 48n - 1n ? show(address) : `${show(address & mask)}/${show(mask)}`;
}

function ipv4(value: string): string | null {
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

function ipv6(value: string): string | null {
  const [ip = '', prefix = '128', ...more] = value.split('/');
  if (!isIPv6(ip) || /[%.]/.test(ip) || more.length > 0 || number(prefix, 128, String) !== prefix) return null;
  const [head = '', tail] = ip.split('::');
  const left = head.split(':').filter((group) => group !== '');
  const right = (tail ?? '').split(':').filter((group) => group !== '');
  const groups = [...left, ...Array.from({ length: 8 - left.length - right.length }, () => '0'), ...right];
  const bits = BigInt(`0x${groups.map((group) => group.padStart(4, '0')).join('')}`);
  const kept = (bits >> BigInt(128 - Number(prefix))) << BigInt(128 - Number(prefix));
  if (prefix === '0') return '';
  return prefix === '128' ? short(kept) : `${short(kept)}/${prefix}`;
}

/** RFC 5952 §4: the longest run of zero groups, two at least, becomes `::`. */
function short(bits: bigint): string {
  const groups = (bits.toString(16).padStart(32, '0').match(/..../g) ?? []).map((group) =>
    Number(`0x${group}`).toString(16),
  );
  const runs = groups.map((_, start) => groups.slice(start).findIndex((group) => group !== '0'));
  const sizes = runs.map((run, start) => (run === -1 ? groups.length - start : run));
  const longest = Math.max(...sizes);
  if (longest < 2) return groups.join(':');
  const start = sizes.indexOf(longest);
  return `${groups.slice(0, start).join(':')}::${groups.slice(start + longest).join(':')}`;
}
