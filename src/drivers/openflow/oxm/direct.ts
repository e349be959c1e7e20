// The commonest values read where they stand in a text, without an object for each: numbers, MAC and IPv4 addresses (ovs-fields(7)).

import type { Field } from './field.ts';

/** What the last `read` that succeeded found: up to 48 bits of value, and a mask of 32 bits when `masked`. */
export const taken = { high: 0, low: 0, mask: 0, masked: false };

/** Whether `read` may be tried for the field: its values have at most 48 bits, all of them used. */
export function readable({ form, bits, bytes, name }: Field): boolean {
  if (bits !== bytes * 8 || name === 'nw_tos' || name === 'eth_type' || name === 'packet_type' || name === 'arp_op')
    return false;
  return form === 'mac' || form === 'ipv4' || ((form === 'decimal' || form === 'hex') && bits <= 32);
}

/** Reads the whole of a value without a mask, or an IPv4 address with a prefix. False for what is written otherwise. */
export function read({ form, bits }: Field, text: string, from: number, to: number): boolean {
  taken.masked = false;
  taken.high = 0;
  if (form === 'mac') return mac(text, from, to);
  return form === 'ipv4' ? ipv4(text, from, to) : number(text, from, to, bits);
}

function number(text: string, from: number, to: number, bits: number): boolean {
  let value = 0;
  if (text.charCodeAt(from) === 48 && to - from > 1) {
    if (text.charCodeAt(from + 1) !== 120 || to - from < 3 || to - from > 10) return false;
    for (let at = from + 2; at < to; at += 1) {
      const digit = nibble(text.charCodeAt(at));
      if (digit < 0) return false;
      value = value * 16 + digit;
    }
  } else {
    if (to - from < 1 || to - from > 10) return false;
    for (let at = from; at < to; at += 1) {
      const digit = text.charCodeAt(at) - 48;
      if (digit < 0 || digit > 9) return false;
      value = value * 10 + digit;
    }
  }
  taken.low = value | 0;
  return value < 2 ** bits;
}

function mac(text: string, from: number, to: number): boolean {
  if (to - from !== 17) return false;
  let high = 0;
  let low = 0;
  for (let part = 0; part < 6; part += 1) {
    const at = from + part * 3;
    const first = nibble(text.charCodeAt(at));
    const second = nibble(text.charCodeAt(at + 1));
    if (first < 0 || second < 0 || (part < 5 && text.charCodeAt(at + 2) !== 58)) return false;
    if (part < 2) high = (high << 8) | (first << 4) | second;
    else low = (low << 8) | (first << 4) | second;
  }
  taken.high = high;
  taken.low = low;
  return true;
}

function ipv4(text: string, from: number, to: number): boolean {
  let value = 0;
  let part = 0;
  let parts = 0;
  let digits = 0;
  let at = from;
  for (; at < to; at += 1) {
    const code = text.charCodeAt(at);
    if (code === 46 && digits > 0 && parts < 3) {
      value = (value << 8) | part;
      part = 0;
      digits = 0;
      parts += 1;
    } else {
      if (code === 47) break;
      if (code < 48 || code > 57 || (digits > 0 && part === 0)) return false;
      part = part * 10 + code - 48;
      digits += 1;
      if (part > 255) return false;
    }
  }
  if (parts !== 3 || digits === 0) return false;
  taken.low = (value << 8) | part;
  if (at === to) return true;
  let length = 0;
  if (to - at < 2 || to - at > 3) return false;
  for (at += 1; at < to; at += 1) {
    const digit = text.charCodeAt(at) - 48;
    if (digit < 0 || digit > 9) return false;
    length = length * 10 + digit;
  }
  // No prefix is no match at all, and all of it is no mask: not here.
  if (length < 1 || length > 31) return false;
  taken.mask = -1 << (32 - length);
  taken.masked = true;
  taken.low &= taken.mask;
  return true;
}

function nibble(code: number): number {
  if (code >= 48 && code <= 57) return code - 48;
  const lower = code | 32;
  return lower >= 97 && lower <= 102 ? lower - 87 : -1;
}
