// A part of a field, as Nicira's actions name it: `NXM_NX_REG0[0..15]`, `reg0[3]`, `NXM_OF_ETH_SRC[]` (ovs-actions(7)).

import { OpError } from '../../../error.ts';
import { type Field, fieldOfAction } from './field.ts';
import { parseNumber } from './number.ts';
import type { Value } from './value.ts';

/** `bits` from bit `offset` on, counted from the least significant. */
export type Subfield = { readonly field: Field; readonly offset: number; readonly bits: number };

/** @throws OpError `state` for an unknown field or bits that it doesn't have. */
export function parseSubfield(text: string): Subfield {
  const found = /^([^[\]]*)(?:\[(?:(\d{1,4})(?:\.\.(\d{1,4}))?)?\])?$/.exec(text);
  const field = fieldOfAction(found?.[1] ?? '');
  if (found === null || field === undefined) throw new OpError('state', `${text}: no such field`);
  const [, , first, last] = found;
  const offset = Number(first ?? 0);
  const end = first === undefined ? field.bits - 1 : Number(last ?? first);
  if (end < offset || end >= field.bits) throw new OpError('state', `${text}: ${field.name} has ${field.bits} bits`);
  return { field, offset, bits: end - offset + 1 };
}

export function subfieldText({ field, offset, bits }: Subfield): string {
  if (offset === 0 && bits === field.bits) return `${field.shortName}[]`;
  return bits === 1 ? `${field.shortName}[${offset}]` : `${field.shortName}[${offset}..${offset + bits - 1}]`;
}

/** A number at the place of the part, and a mask of the part's bits. @throws OpError `state` when it doesn't fit. */
export function spread({ field, offset, bits }: Subfield, text: string): Value {
  const number = toBig(parseNumber(text, field.bytes));
  if (number >> BigInt(bits) !== 0n) throw new OpError('state', `${text} does not fit into ${bits} bits`);
  const ones = (1n << BigInt(bits)) - 1n;
  const full = bits === field.bytes * 8;
  return {
    value: fromBig(number << BigInt(offset), field.bytes),
    mask: full ? null : fromBig(ones << BigInt(offset), field.bytes),
  };
}

export function toBig(bytes: Uint8Array): bigint {
  let value = 0n;
  for (const byte of bytes) value = (value << 8n) | BigInt(byte);
  return value;
}

export function fromBig(value: bigint, width: number): Uint8Array {
  return Uint8Array.from({ length: width }, (_, index) => Number((value >> BigInt(8 * (width - 1 - index))) & 255n));
}
