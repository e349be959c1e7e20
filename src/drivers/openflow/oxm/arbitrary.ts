// The values of fields as fast-check's arbitraries, in the forms that ovs-ofctl reads (ovs-fields(7)).

import fc from 'fast-check';

export type Words = fc.Arbitrary<string>;

export const number = (max: number): Words =>
  fc.tuple(fc.oneof(fc.nat(9), fc.integer({ min: 0, max })), fc.boolean()).map(([n, hex]) => {
    const value = Math.min(n, max);
    return hex ? `0x${value.toString(16)}` : `${value}`;
  });
export const hex = (bits: number): Words =>
  fc.tuple(fc.bigInt({ min: 0n, max: (1n << BigInt(bits)) - 1n }), fc.nat(bits)).map(([value, less]) => {
    const small = value >> BigInt(less);
    return `0x${small.toString(16)}`;
  });
export const masked = (bits: number): Words =>
  fc.oneof(
    hex(bits),
    fc.tuple(hex(bits), hex(bits)).map(([value, mask]) => `${value}/${mask}`),
  );
export const table: Words = fc.nat(254).map(String);
const byte = fc.oneof(fc.constantFrom(0, 255), fc.nat(255));
export const mac: Words = fc.array(byte, { minLength: 6, maxLength: 6 }).map((list) => list.map(two).join(':'));
export const macs: Words = fc.oneof(
  mac,
  fc.tuple(mac, mac).map(([value, mask]) => `${value}/${mask}`),
);
export const ip: Words = fc.array(byte, { minLength: 4, maxLength: 4 }).map((list) => list.join('.'));
export const ips: Words = fc.oneof(
  ip,
  fc.tuple(ip, fc.nat(32)).map(([value, length]) => `${value}/${length}`),
  fc.tuple(ip, ip).map(([value, mask]) => `${value}/${mask}`),
);
export const ip6: Words = fc.oneof(
  fc.ipV6(),
  fc.constantFrom('::', '::1', 'fe80::1', '::1.2.3.4', '::ffff:1.2.3.4', '1:0:0:2:0:0:0:3', '::2:0', '1::'),
);
export const ip6s: Words = fc.oneof(
  ip6,
  fc.tuple(ip6, fc.nat(128)).map(([value, length]) => `${value}/${length}`),
  // OVS takes a mask that begins with a decimal digit for a prefix.
  fc
    .tuple(ip6, ip6)
    .map(([value, mask]) => `${value}/${/^[\d]/.test(mask) ? `f${mask.replace(/^[\da-f]*/i, '00')}` : mask}`),
);
export const port: Words = fc.oneof(fc.integer({ min: 1, max: 65279 }).map(String), fc.constantFrom('LOCAL', '65534'));
export const transport: Words = fc.oneof(
  number(65535),
  fc.tuple(hex(16), hex(16)).map(([a, b]) => `${a}/${b}`),
);

export function two(value: number): string {
  return value.toString(16).padStart(2, '0');
}

function flags(names: readonly string[]): Words {
  const one = fc.constantFrom('+', '-', '');
  return fc
    .tuple(...names.map(() => one))
    .map((signs) => names.map((name, index) => (signs[index] === '' ? '' : `${signs[index]}${name}`)).join(''))
    .filter((text) => text !== '');
}

const tcpFlagNames = ['fin', 'syn', 'rst', 'psh', 'ack', 'urg', 'ece', 'cwr', 'ns'];
export const tcpFlags: Words = fc.oneof(
  flags(tcpFlagNames),
  fc.subarray(tcpFlagNames, { minLength: 1 }).map((names) => names.join('|')),
  fc.tuple(number(0xfff), number(0xfff)).map(([a, b]) => `${a}/${b}`),
);
const ctFlagNames = ['new', 'est', 'rel', 'rpl', 'inv', 'trk', 'snat', 'dnat'];
// Nothing can be done with what is invalid, so that ct() would be refused.
export const ctFlags: Words = fc.oneof(
  flags(ctFlagNames).map((text) => text.replace('+inv', '-inv')),
  fc
    .subarray(
      ctFlagNames.filter((name) => name !== 'inv'),
      { minLength: 1 },
    )
    .map((names) => names.join('|')),
);

/** A word with one of the names. */
export function said(names: readonly string[], value: Words): Words {
  return fc.tuple(fc.constantFrom(...names), value).map(([name, text]) => `${name}=${text}`);
}
