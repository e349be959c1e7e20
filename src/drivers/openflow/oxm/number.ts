// Numbers, MAC and IP addresses between text and big-endian bytes, as OVS reads and prints them (ovs-fields(7)).

import { OpError } from '../../../error.ts';

/** A number of at most `width` bytes. C would read 010 as 8 and -1 as the largest: both are refused. */
export function parseNumber(text: string, width: number): Uint8Array {
  const bytes = new Uint8Array(width);
  if (text.charCodeAt(0) === 48 && (text.charCodeAt(1) | 32) === 120) return parseHex(text, bytes);
  let value = 0;
  for (let index = 0; index < text.length; index += 1) {
    const digit = text.charCodeAt(index) - 48;
    if (digit < 0 || digit > 9 || (digit === 0 && index === 0 && text.length > 1)) throw notNumber(text);
    value = value * 10 + digit;
  }
  if (text.length === 0) throw notNumber(text);
  if (text.length > 40) throw tooLarge(`${text.slice(0, 40)}…`, width);
  if (value > Number.MAX_SAFE_INTEGER) return parseHex(`0x${BigInt(text).toString(16)}`, bytes);
  let rest = value;
  for (let index = width - 1; index >= 0; index -= 1) {
    bytes[index] = rest % 256;
    rest = Math.floor(rest / 256);
  }
  if (rest !== 0) throw tooLarge(text, width);
  return bytes;
}

/** A number from 0 to `max`, which is at most 2^53 - 1. */
export function parseSmall(text: string, max: number): number {
  const bytes = parseNumber(text, 7);
  const value = readNumber(bytes, 0, 7);
  if (value > max) throw new OpError('state', `${text} is more than ${max}`);
  return value;
}

/** Big-endian, of at most 6 bytes without loss. */
export function readNumber(bytes: Uint8Array, at: number, width: number): number {
  let value = 0;
  for (let index = 0; index < width; index += 1) value = value * 256 + (bytes[at + index] ?? 0);
  return value;
}

/** `0x` and digits without leading zeros, `0` for zero. */
export function hexText(bytes: Uint8Array, at: number, width: number): string {
  if (width <= 6) {
    const value = readNumber(bytes, at, width);
    return value === 0 ? '0' : `0x${value.toString(16)}`;
  }
  let text = '';
  for (let index = 0; index < width; index += 1) text += HEX[bytes[at + index] ?? 0];
  const digits = text.replace(/^0+/, '');
  return digits === '' ? '0' : `0x${digits}`;
}

/** As C's `%llu`. */
export function decimalText(bytes: Uint8Array, at: number, width: number): string {
  if (width <= 6) return `${readNumber(bytes, at, width)}`;
  return BigInt(hexText(bytes, at, width)).toString();
}

export function parseMac(text: string): Uint8Array {
  const parts = text.split(':');
  const bytes = Uint8Array.from(parts, (part) => (/^[\da-f]{1,2}$/i.test(part) ? Number.parseInt(part, 16) : NaN));
  if (parts.length !== 6 || parts.some((part) => !/^[\da-f]{1,2}$/i.test(part)))
    throw new OpError('state', `${text} is not a MAC address`);
  return bytes;
}

export function macText(bytes: Uint8Array, at: number): string {
  const h = HEX;
  return `${h[bytes[at] ?? 0]}:${h[bytes[at + 1] ?? 0]}:${h[bytes[at + 2] ?? 0]}:${h[bytes[at + 3] ?? 0]}:${h[bytes[at + 4] ?? 0]}:${h[bytes[at + 5] ?? 0]}`;
}

/** Into `to` from `at`. False when it isn't an address. */
export function parseIpv4(text: string, to: Uint8Array, at: number): boolean {
  let part = 0;
  let value = 0;
  let digits = 0;
  for (let index = 0; index <= text.length; index += 1) {
    const code = index === text.length ? 46 : text.charCodeAt(index);
    if (code === 46) {
      if (digits === 0 || value > 255 || part > 3) return false;
      to[at + part] = value;
      part += 1;
      value = 0;
      digits = 0;
    } else {
      if (code < 48 || code > 57 || (digits > 0 && value === 0) || digits > 2) return false;
      value = value * 10 + code - 48;
      digits += 1;
    }
  }
  return part === 4;
}

export function ipv4Text(bytes: Uint8Array, at: number): string {
  return `${bytes[at]}.${bytes[at + 1]}.${bytes[at + 2]}.${bytes[at + 3]}`;
}

/** Into `to` from `at`. False when it isn't an address (RFC 4291 §2.2). */
export function parseIpv6(text: string, to: Uint8Array, at: number): boolean {
  const halves = text.split('::');
  if (halves.length > 2) return false;
  const [head, tail] = halves.map(groups);
  if (head === null || head === undefined || tail === null) return false;
  const gap = 16 - head.length - (tail?.length ?? 0);
  if (tail === undefined ? gap !== 0 : gap < 2) return false;
  to.set([...head, ...Array.from({ length: gap }, () => 0), ...(tail ?? [])], at);
  return true;
}

function groups(text: string): readonly number[] | null {
  if (text === '') return [];
  const bytes: number[] = [];
  const parts = text.split(':');
  for (const [index, part] of parts.entries()) {
    if (part.includes('.')) {
      const four = new Uint8Array(4);
      if (index !== parts.length - 1 || !parseIpv4(part, four, 0)) return null;
      bytes.push(...four);
    } else {
      if (!/^[\da-f]{1,4}$/i.test(part)) return null;
      const value = Number.parseInt(part, 16);
      bytes.push(value >> 8, value & 255);
    }
  }
  return bytes;
}

/** As C's inet_ntop: the first longest run of zero groups shortened, IPv4 in the last 32 bits of ::/96 and ::ffff/96. */
export function ipv6Text(bytes: Uint8Array, at: number): string {
  const words = Array.from({ length: 8 }, (_, index) => readNumber(bytes, at + 2 * index, 2));
  let start = -1;
  let length = 1;
  for (let from = 0; from < 8; from += 1) {
    let to = from;
    while (to < 8 && words[to] === 0) to += 1;
    if (to - from > length) [start, length] = [from, to - from];
  }
  const old =
    start === 0 && (length === 6 || (length === 7 && words[7] !== 1) || (length === 5 && words[5] === 0xffff));
  let text = '';
  for (let index = 0; index < 8; index += 1) {
    if (start >= 0 && index >= start && index < start + length) {
      if (index === start) text += ':';
      continue;
    }
    if (index > 0) text += ':';
    if (index === 6 && old) return text + ipv4Text(bytes, at + 12);
    text += (words[index] ?? 0).toString(16);
  }
  return start >= 0 && start + length === 8 ? `${text}:` : text;
}

/** The number of leading ones when the rest is zeros, else -1. */
export function prefixLength(bytes: Uint8Array, at: number, width: number): number {
  let length = 0;
  let over = false;
  for (let index = 0; index < width; index += 1) {
    const ones = ONES[bytes[at + index] ?? 0] ?? -1;
    if (ones < 0 || (over && ones > 0)) return -1;
    length += ones;
    over ||= ones < 8;
  }
  return length;
}

/** A mask of `length` leading ones. */
export function prefixMask(length: number, width: number): Uint8Array {
  return Uint8Array.from({ length: width }, (_, index) => 0xff00 >> Math.min(8, Math.max(0, length - 8 * index)));
}

const HEX: readonly string[] = Array.from({ length: 256 }, (_, value) => value.toString(16).padStart(2, '0'));

/** How many leading ones a byte has when only zeros follow them, else -1. */
const ONES: readonly number[] = Array.from({ length: 256 }, (_, value) => {
  const ones = Math.clz32(~(value << 24));
  return value === ((0xff00 >> ones) & 0xff) ? ones : -1;
});

function parseHex(text: string, bytes: Uint8Array): Uint8Array {
  if (!/^0x[\da-f]+$/i.test(text)) throw notNumber(text);
  let at = bytes.length * 2 - 1;
  for (let index = text.length - 1; index > 1; index -= 1, at -= 1) {
    const digit = Number.parseInt(text.charAt(index), 16);
    if (at >= 0) bytes[at >> 1] = (bytes[at >> 1] ?? 0) | (at % 2 === 1 ? digit : digit << 4);
    else if (digit !== 0) throw tooLarge(text, bytes.length);
  }
  return bytes;
}

function notNumber(text: string): OpError {
  return new OpError(
    'state',
    `${text === '' ? 'nothing' : text} is not a number (decimal without leading zeros, or 0x…)`,
  );
}

function tooLarge(text: string, width: number): OpError {
  return new OpError('state', `${text} is too large for ${width} bytes`);
}
