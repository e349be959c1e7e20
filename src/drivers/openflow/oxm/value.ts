// A field's value between text and bytes (ovs-fields(7)).

import { OpError } from '../../../error.ts';
import type { Field, Form } from './field.ts';
import { type FlagForm, flagNames, flagsText, maskedFlagsText, parseFlags } from './flag.ts';
import {
  decimalText,
  hexText,
  ipv4Text,
  ipv6Text,
  macText,
  parseIpv4,
  parseIpv6,
  parseMac,
  parseNumber,
  parseSmall,
  prefixLength,
  prefixMask,
  readNumber,
} from './number.ts';
import { type Ports, port16, port32, portNumber, portText } from './port.ts';

/** As wide as the field. `mask` is null when every bit counts; the bits of `value` outside of it are 0. */
export type Value = { readonly value: Uint8Array; readonly mask: Uint8Array | null };

/** @throws OpError `state` for what isn't a value of the field, or a mask where it takes none. */
export function parseValue(field: Field, text: string, ports: Ports): Value {
  const { value, mask } = parse(field, text, ports);
  if (mask === null) return { value, mask };
  const all = mask.every((byte) => byte === 255);
  if (!all && !field.maskable && mask.some((byte) => byte !== 0))
    throw new OpError('state', `${field.name} takes no mask`);
  for (let index = 0; index < value.length; index += 1) value[index] = (value[index] ?? 0) & (mask[index] ?? 0);
  return { value, mask: all ? null : mask };
}

/** As OVS prints it in `set_field`. `mask` may be null. */
export function valueText(field: Field, bytes: Uint8Array, at: number, mask: Uint8Array | null, ports: Ports): string {
  const { form, bytes: width } = field;
  switch (form) {
    case 'decimal':
      return mask === null
        ? decimalText(bytes, at, width)
        : `${decimalText(bytes, at, width)}/${hexText(mask, 0, width)}`;
    case 'hex':
      return mask === null ? hexText(bytes, at, width) : `${hexText(bytes, at, width)}/${hexText(mask, 0, width)}`;
    case 'mac':
      return mask === null ? macText(bytes, at) : `${macText(bytes, at)}/${macText(mask, 0)}`;
    case 'ipv4':
    case 'ipv6':
      return addressText(form, bytes, at, mask, 0);
    case 'port16':
      return portText(port32(readNumber(bytes, at, 2)), ports);
    case 'port32':
      return portText(readNumber(bytes, at, 4), ports);
    case 'frag':
      return fragText(bytes[at] ?? 0, mask === null ? 3 : (mask[0] ?? 0));
    case 'tcp_flags':
    case 'tun_flags':
    case 'ct_state':
      return flagText(form, readNumber(bytes, at, width), mask === null ? -1 : readNumber(mask, 0, width));
  }
}

/** An address, with `/24` or `/255.0.255.0` behind it when `mask` isn't null. */
export function addressText(
  form: 'ipv4' | 'ipv6',
  bytes: Uint8Array,
  at: number,
  mask: Uint8Array | null,
  maskAt: number,
): string {
  const print = form === 'ipv4' ? ipv4Text : ipv6Text;
  if (mask === null) return print(bytes, at);
  const length = prefixLength(mask, maskAt, form === 'ipv4' ? 4 : 16);
  return `${print(bytes, at)}/${length < 0 ? print(mask, maskAt) : length}`;
}

/** `mask` is -1 for every bit. */
export function flagText(form: FlagForm, value: number, mask: number): string {
  const all = 2 ** flagNames[form].length - 1;
  return mask === -1 || (mask & all) === all ? flagsText(form, value & all) : maskedFlagsText(form, value, mask & all);
}

/** `no`, `yes`, `first`, `later` or `not_later` of the two bits. */
export function fragText(value: number, mask: number): string {
  return frags.find(([, v, m]) => v === (value & mask & 3) && m === (mask & 3))?.[0] ?? '<error>';
}

const frags = [
  ['no', 0, 3],
  ['yes', 1, 1],
  ['first', 1, 3],
  ['later', 3, 3],
  ['no', 0, 1],
  ['later', 2, 2],
  ['not_later', 0, 2],
] as const;

/** What `ip_frag` may be set to in text. */
const fragWords: ReadonlyMap<string, readonly [number, number]> = new Map([
  ['no', [0, 3]],
  ['yes', [1, 1]],
  ['first', [1, 3]],
  ['later', [3, 3]],
  ['not_later', [0, 2]],
]);

function parse(field: Field, text: string, ports: Ports): Value {
  const { form, bytes: width } = field;
  if (text === '*') return { value: new Uint8Array(width), mask: new Uint8Array(width) };
  switch (form) {
    case 'decimal':
    case 'hex': {
      const slash = text.indexOf('/');
      if (slash < 0) return { value: parseNumber(text, width), mask: null };
      return { value: parseNumber(text.slice(0, slash), width), mask: parseNumber(text.slice(slash + 1), width) };
    }
    case 'mac': {
      const slash = text.indexOf('/');
      if (slash < 0) return { value: parseMac(text), mask: null };
      return { value: parseMac(text.slice(0, slash)), mask: parseMac(text.slice(slash + 1)) };
    }
    case 'ipv4':
    case 'ipv6':
      return parseAddress(form, text);
    case 'port16':
    case 'port32': {
      const number = portNumber(text, ports);
      if (number === undefined) throw new OpError('state', `${text}: unknown port`);
      return { value: parseNumber(`${form === 'port16' ? port16(number) : number}`, width), mask: null };
    }
    case 'frag': {
      const word = fragWords.get(text);
      if (word === undefined) throw new OpError('state', `${text} is not one of ${[...fragWords.keys()].join(', ')}`);
      return { value: Uint8Array.of(word[0]), mask: Uint8Array.of(word[1]) };
    }
    case 'tcp_flags':
    case 'tun_flags':
    case 'ct_state':
      return parseFlagBytes(form, text, width);
  }
}

function parseAddress(form: 'ipv4' | 'ipv6', text: string): Value {
  const [read, width] = form === 'ipv4' ? ([parseIpv4, 4] as const) : ([parseIpv6, 16] as const);
  const wrong = (): OpError => new OpError('state', `${text} is not an ${form === 'ipv4' ? 'IPv4' : 'IPv6'} address`);
  const slash = text.indexOf('/');
  const value = new Uint8Array(width);
  if (!read(slash < 0 ? text : text.slice(0, slash), value, 0)) throw wrong();
  if (slash < 0) return { value, mask: null };
  const tail = text.slice(slash + 1);
  if (/^\d+$/.test(tail)) return { value, mask: prefixMask(parseSmall(tail, 8 * width), width) };
  const mask = new Uint8Array(width);
  if (!read(tail, mask, 0)) throw wrong();
  return { value, mask };
}

function parseFlagBytes(form: Extract<Form, FlagForm>, text: string, width: number): Value {
  const { value, mask } = parseFlags(form, text);
  return { value: parseNumber(`${value}`, width), mask: mask === null ? null : parseNumber(`${mask}`, width) };
}
