// Values of match fields as the switch prints them (ovs-fields(7)).

import { isIPv4, isIPv6 } from 'node:net';
import { ipToNumber, networkOf, parseAddress } from '../address.ts';

/** A sort of values: what one looks like, in words that end a sentence "expected …". */
export type Form = {
  readonly expected: string;
  /** The value as the switch prints it, '' when it matches everything, null when it is no value of this form. */
  readonly spell: (value: string) => string | null;
};

export const forms = {
  port: {
    expected: 'the port of a container',
    spell: (value) => (/^[A-Za-z0-9_.-]+$/.test(value) ? value : null),
  },
  mac: { expected: 'a MAC address, like 02:0a:00:01:00:64', spell: mac },
  type: {
    expected: 'a number from 0 to 65535',
    spell: (value) => number(value, 0xffff, (type) => `0x${type.toString(16).padStart(4, '0')}`),
  },
  ipv4: { expected: 'an IPv4 address or network, like 10.0.0.0/24', spell: ipv4 },
  ipv6: { expected: 'an IPv6 address or network, like 2001:db8::/32', spell: ipv6 },
  tos: {
    expected: 'a multiple of 4 from 0 to 252',
    spell: (value) => number(value, 0xfc, (tos) => (tos % 4 === 0 ? `${tos}` : null)),
  },
  /** Matched as a TOS, the form in which the switch prints it. */
  dscp: { expected: 'a number from 0 to 63', spell: (value) => number(value, 63, (dscp) => `${dscp * 4}`) },
  six: { expected: 'a number from 0 to 63', spell: (value) => number(value, 63, String) },
  two: { expected: 'a number from 0 to 3', spell: (value) => number(value, 3, String) },
  byte: { expected: 'a number from 0 to 255', spell: (value) => number(value, 0xff, String) },
  word: { expected: 'a number from 0 to 65535', spell: (value) => number(value, 0xffff, String) },
  wordMask: {
    expected: 'a number from 0 to 65535, or one with a mask, like 0x400/0xfc00',
    spell: (value) => masked(value, 16, String, (bits) => `0x${bits.toString(16)}`),
  },
  long: {
    expected: 'a number of 32 bits, or one with a mask, like 0x10/0xf0',
    spell: (value) => masked(value, 32, hex, hex),
  },
  wide: {
    expected: 'a number of 64 bits, or one with a mask, like 0x10/0xf0',
    spell: (value) => masked(value, 64, hex, hex),
  },
  tcpFlags: {
    expected: 'TCP flags with + or -, like +syn-ack, or a number with a mask, like 0x02/0x3f',
    spell: tcpFlags,
  },
  ctState: {
    expected: 'states with + or -, like +trk+est',
    spell: (value) => flags(value, ['new', 'est', 'rel', 'rpl', 'inv', 'trk', 'snat', 'dnat']),
  },
  fragment: {
    expected: 'no, yes, first, later or not_later',
    spell: (value) => (/^(no|yes|first|later|not_later)$/.test(value) ? value : null),
  },
  vlan: {
    expected: 'a VLAN from 0 to 4095',
    spell: (value) => number(value, 4095, (vlan) => `dl_vlan=${vlan}`),
  },
  tci: { expected: '0 (no tag), 0x1000/0x1000 (any tag) or, for VLAN 5, 0x1005/0x1fff', spell: tci },
} as const satisfies Readonly<Record<string, Form>>;

function number(value: string, most: number, show: (value: number) => string | null): string | null {
  if (!/^(0x[0-9a-f]+|0|[1-9][0-9]*)$/i.test(value)) return null;
  return Number(value) > most ? null : show(Number(value));
}

/** `value`, or `value/mask`: `bare` shows the first, `part` each half of the second. */
function masked(
  value: string,
  bits: number,
  bare: (value: bigint) => string,
  part: (value: bigint) => string,
): string | null {
  const halves = value.split('/');
  if (halves.length > 2 || halves.some((half) => !/^(0x[0-9a-f]{1,16}|0|[1-9][0-9]{0,19})$/i.test(half))) return null;
  const all = 2n ** BigInt(bits) - 1n;
  const [content = 0n, mask = all] = halves.map(BigInt);
  if (content > all || mask > all) return null;
  if (mask === 0n) return '';
  return mask === all ? bare(content) : `${part(content & mask)}/${part(mask)}`;
}

/** As C's %#x prints it. */
function hex(bits: bigint): string {
  return bits === 0n ? '0' : `0x${bits.toString(16)}`;
}

/** In the order of the bits, the lowest first. */
function flags(value: string, known: readonly string[]): string | null {
  const given = new Map([...value.matchAll(/([+-])([a-z]+)/g)].map(([, sign = '', name = '']) => [name, sign]));
  const printed = known.flatMap((name) => (given.has(name) ? [`${given.get(name)}${name}`] : [])).join('');
  return printed.length === value.length && given.size > 0 ? printed : null;
}

const tcpNames = ['fin', 'syn', 'rst', 'psh', 'ack', 'urg', 'ece', 'cwr', 'ns'];

/** A number alone is exactly these flags (`psh|ack`), one with a mask is some of them (`+syn-ack`). */
function tcpFlags(value: string): string | null {
  if (!/^[0-9]/.test(value)) return flags(value, tcpNames);
  const [text = '', mask] = value.split('/');
  const bits = [text, mask ?? '0'].map((half) => number(half, 0x1ff, String));
  if (value.split('/').length > 2 || bits.includes(null)) return null;
  const [set, seen] = bits.map(Number) as [number, number];
  const on = (name: string): boolean => (set & (1 << tcpNames.indexOf(name))) !== 0;
  if (mask === undefined) return tcpNames.filter(on).join('|') || '0';
  return tcpNames.map((name, bit) => ((seen & (1 << bit)) === 0 ? '' : `${on(name) ? '+' : '-'}${name}`)).join('');
}

/** The switch prints a tag as the VLAN in it. */
function tci(value: string): string | null {
  const bits = masked(
    value,
    16,
    (whole) => `0x${whole.toString(16)}/0xffff`,
    (half) => `0x${half.toString(16)}`,
  );
  if (bits === '') return '';
  const [tag, mask] = (bits ?? '').split('/').map(Number) as [number, number | undefined];
  if (mask === 0x1000) return `vlan_tci=${tag === 0 ? '0x0000' : '0x1000'}/0x1000`;
  if (tag === 0 && (mask === 0xffff || mask === 0x1fff)) return 'vlan_tci=0x0000/0x1fff';
  return mask === 0x1fff && tag >= 0x1000 ? `dl_vlan=${tag - 0x1000}` : null;
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
