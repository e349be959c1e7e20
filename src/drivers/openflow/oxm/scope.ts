// What the writers and printers of single actions share (OpenFlow 1.4 §7.2.5; ovs-actions(7)).

import { OpError } from '../../../error.ts';
import { headAt, word16 } from './header.ts';
import type { Ports } from './port.ts';
import { type Subfield, subfieldText } from './subfield.ts';
import type { Writer } from './writer.ts';

/**
 * Where an action stands. `tags` is how many VLAN tags the packet is known to have by then, which actions change; `proto` is the match's
 * protocol, -1 when it names none.
 */
export type Scope = {
  readonly ports: Ports;
  readonly proto: number;
  tags: number;
  readonly depth: number;
  /** Writes a list of actions within another. @throws OpError `state` when that is too deep. */
  readonly nest: (writer: Writer, text: string, scope: Scope) => void;
};

/** Writes one action. `arg` is what stands behind the word's `:`, `=` or within its parentheses. */
export type Encode = (writer: Writer, arg: string, scope: Scope) => void;

/** An action on the wire: `at` is the first byte, `end` is behind the last. */
export type Place = {
  readonly bytes: Uint8Array;
  readonly at: number;
  readonly end: number;
  readonly ports: Ports;
  readonly depth: number;
  /** Prints a list of actions within another, `drop` when it is empty. */
  readonly nest: (bytes: Uint8Array, from: number, to: number, ports: Ports, depth: number) => string;
};

/** Prints one action. */
export type Decode = (place: Place) => string;

/** How deep actions may stand within actions. */
export const DEEPEST = 16;

const NICIRA = 0x2320;

/** Begins a Nicira action and gives its place, for `close`. */
export function open(writer: Writer, subtype: number): number {
  const at = writer.length;
  writer.number(0xffff, 2);
  writer.number(0, 2);
  writer.number(NICIRA, 4);
  writer.number(subtype, 2);
  return at;
}

/** Ends an action: zeros to a multiple of 8, or to `size`, and its length. @throws OpError `state` when it's too long. */
export function close(writer: Writer, at: number, size = 0): void {
  if (size > 0) while (writer.length - at < size) writer.number(0, 1);
  writer.pad(at);
  const length = writer.length - at;
  if (length > 0xfff8) throw new OpError('state', 'an action of more than 65528 bytes');
  writer.patch(at + 2, length);
}

/** Writes a standard action of one number and zeros up to `size`. */
export function simple(writer: Writer, type: number, size: number, value = 0, width = 0): void {
  const at = writer.length;
  writer.number(type, 2);
  writer.number(size, 2);
  if (width > 0) writer.number(value, width);
  while (writer.length - at < size) writer.number(0, 1);
}

/** A field's header as Nicira's actions have it. */
export function putShort(writer: Writer, { field }: Pick<Subfield, 'field'>): void {
  writer.number(field.short.word >>> 0, 4);
  if (field.short.experimenter !== 0) writer.number(field.short.experimenter, 4);
}

/** Offset and width in 16 bits. */
export function span({ offset, bits }: Subfield): number {
  return (offset << 6) | (bits - 1);
}

/** The part of a field whose header is at `at`. @throws OpError `protocol` for bits that the field doesn't have. */
export function subfieldAt({ bytes, end }: Place, at: number, offset: number, bits: number): Subfield {
  const { field } = headAt(bytes, at, end);
  if (bits < 1 || offset + bits > field.bits)
    throw new OpError('protocol', `bits ${offset} to ${offset + bits - 1} of ${field.name}, which has ${field.bits}`);
  return { field, offset, bits };
}

/** The same printed, with offset and width in 16 bits at `spanAt`. */
export function spanText(place: Place, at: number, spanAt: number): string {
  const packed = word16(place.bytes, spanAt);
  return subfieldText(subfieldAt(place, at, packed >> 6, (packed & 63) + 1));
}

/** @throws OpError `protocol` when the action is shorter than `size`. */
export function atLeast({ at, end }: Place, name: string, size: number): void {
  if (end - at < size) throw new OpError('protocol', `${name} of ${end - at} bytes instead of ${size}`);
}

/** The parts of a list at its commas and blanks, those within parentheses left alone. */
export function split(text: string): readonly string[] {
  const parts: string[] = [];
  let depth = 0;
  let from = 0;
  for (let at = 0; at <= text.length; at += 1) {
    const code = at === text.length ? 44 : text.charCodeAt(at);
    if (code === 40) depth += 1;
    else if (code === 41) depth -= 1;
    if (depth < 0) throw new OpError('state', `${text}: a parenthesis too much`);
    if ((depth === 0 || at === text.length) && (code === 44 || code === 32)) {
      if (at > from) parts.push(text.slice(from, at));
      from = at + 1;
    }
  }
  if (depth !== 0) throw new OpError('state', `${text}: a parenthesis is not closed`);
  return parts;
}

/** A word's key and what stands behind it: `output:1`, `zone=5`, `exec(…)`; `(100)->reg0[0]` keeps its parentheses. */
export function pair(word: string): readonly [key: string, value: string] {
  let at = 0;
  while (at < word.length && !DELIMITERS.has(word.charCodeAt(at))) at += 1;
  if (at === word.length) return [word, ''];
  const key = word.slice(0, at);
  if (word.charCodeAt(at) !== 40) return [key, word.slice(at + 1)];
  if (word.endsWith(')')) return [key, word.slice(at + 1, -1)];
  if (word.includes(')->')) return [key, word.slice(at)];
  throw new OpError('state', `${word}: garbage behind the parenthesis`);
}

const DELIMITERS: ReadonlySet<number> = new Set([58, 61, 40]);

/** Hexadecimal bytes, with or without points: `00.01`. */
export function parseBytes(text: string): Uint8Array {
  const digits = text.replaceAll('.', '');
  if (!/^(?:[\da-f]{2})*$/i.test(digits)) throw new OpError('state', `${text} is not a row of hexadecimal bytes`);
  return Uint8Array.from({ length: digits.length / 2 }, (_, index) =>
    Number.parseInt(digits.slice(2 * index, 2 * index + 2), 16),
  );
}

export function bytesText(bytes: Uint8Array, from: number, to: number): string {
  return Array.from(bytes.subarray(from, to), (byte) => byte.toString(16).padStart(2, '0')).join('.');
}
