// One field of a match as bytes (OpenFlow 1.4 §7.2.3.2).

import { type Field, fieldOfAction } from './field.ts';
import { Writer } from './writer.ts';

/** `size` is how many of the bytes count. */
export type Tlv = { readonly order: number; readonly bytes: Uint8Array; readonly size: number; readonly name: string };

/** A TLV of the field of that name. */
export function make(name: string, value: Uint8Array, mask: Uint8Array | null = null): Tlv {
  const field = fieldOfAction(name);
  if (field === undefined) throw new TypeError(`no field ${name}`);
  return tlvOf(field, value, mask);
}

/** A TLV of a field. */
export function tlvOf(field: Field, value: Uint8Array, mask: Uint8Array | null): Tlv {
  const bytes = fieldBytes(field, value, mask);
  return { order: field.order, bytes, size: bytes.length, name: field.name };
}

/** A field with its value as a TLV. */
export function fieldBytes(field: Field, value: Uint8Array, mask: Uint8Array | null): Uint8Array {
  const writer = new Writer();
  const { word, experimenter } = field.header;
  writer.number((mask === null ? word : word + 0x100 + field.bytes) >>> 0, 4);
  if (experimenter !== 0) writer.number(experimenter, 4);
  writer.put(value);
  if (mask !== null) writer.put(mask);
  return writer.slice();
}

/** Two bytes of a number. */
export function two(value: number): Uint8Array {
  return Uint8Array.of(value >> 8, value & 255);
}
