// The first bytes of a TLV and the field that they mean (OpenFlow 1.4 §7.2.3.2).

import { OpError } from '../../../error.ts';
import { type Field, fields } from './field.ts';

/** `at` is the value's place; `masked` when a mask of the same width follows it. */
export type Head = { readonly field: Field; readonly masked: boolean };

const plain = new Map<number, Head>();
const experimental = new Map<number, Map<number, Head>>();
for (const field of fields)
  for (const { word, experimenter } of field.headers) {
    const map = experimenter === 0 ? plain : (experimental.get(experimenter) ?? new Map<number, Head>());
    if (experimenter !== 0) experimental.set(experimenter, map);
    map.set(word | 0, { field, masked: false });
    if (field.maskable) map.set((word + 0x100 + field.bytes) | 0, { field, masked: true });
  }

/** @throws OpError `protocol` naming the class and type of a header that is unknown or runs over `end`. */
export function headAt(bytes: Uint8Array, at: number, end: number): Head {
  if (at + 4 > end) throw new OpError('protocol', 'a TLV ends within its header');
  const word = word32(bytes, at);
  const found = plain.get(word);
  if (found !== undefined) return found;
  const experimenter = word >>> 16 === 0xffff && at + 8 <= end ? word32(bytes, at + 4) >>> 0 : 0;
  const other = experimental.get(experimenter)?.get(word);
  if (other !== undefined) return other;
  const behind = experimenter === 0 ? '' : ` of experimenter 0x${experimenter.toString(16)}`;
  const [type, number, length] = [word >>> 16, (word >>> 9) & 0x7f, word & 0xff];
  throw new OpError(
    'protocol',
    `unknown TLV: class 0x${type.toString(16).padStart(4, '0')}, field ${number}, length ${length}${behind}`,
  );
}

/** How many bytes the header of a field takes. */
export function headSize(bytes: Uint8Array, at: number): number {
  return bytes[at] === 255 && bytes[at + 1] === 255 ? 8 : 4;
}

export function word32(bytes: Uint8Array, at: number): number {
  return ((bytes[at] ?? 0) << 24) | ((bytes[at + 1] ?? 0) << 16) | ((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0);
}

export function word16(bytes: Uint8Array, at: number): number {
  return ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
}
