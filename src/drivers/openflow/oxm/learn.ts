// learn, conjunction and what else reads like a flow within an action (ovs-actions(7)).

import { OpError } from '../../../error.ts';
import { type Field, fieldNamed } from './field.ts';
import { headAt, headSize, word16, word32 } from './header.ts';
import { hexText, parseNumber, parseSmall } from './number.ts';
import {
  atLeast,
  close,
  type Decode,
  type Encode,
  open,
  pair,
  type Place,
  putShort,
  type Scope,
  split,
  subfieldAt,
} from './scope.ts';
import { fromBig, parseSubfield, type Subfield, subfieldText, toBig } from './subfield.ts';
import { parseValue, valueText } from './value.ts';
import type { Writer } from './writer.ts';

export const learning: Readonly<Record<string, Encode>> = {
  learn: putLearn,
  conjunction: (writer, arg) => {
    const found = /^(\d+|0x[\da-f]+) *, *(\d+) *\/ *(\d+)$/i.exec(arg);
    if (found === null) throw new OpError('state', `${arg} is not ID,K/N`);
    const [id, clause, clauses] = found.slice(1).map((part) => parseSmall(part, 0xffffffff));
    if (id === undefined || clause === undefined || clauses === undefined) throw new OpError('state', arg);
    if (clauses < 2 || clauses > 64 || clause < 1 || clause > clauses)
      throw new OpError('state', `${arg}: K is from 1 to N, N from 2 to 64`);
    const at = open(writer, 34);
    writer.number(clause - 1, 1);
    writer.number(clauses, 1);
    writer.number(id, 4);
    close(writer, at);
  },
  fin_timeout: (writer, arg) => {
    const words = new Map(split(arg).map(pair));
    const at = open(writer, 19);
    for (const name of ['idle_timeout', 'hard_timeout']) {
      writer.number(parseSmall(words.get(name) ?? '0', 0xffff), 2);
      words.delete(name);
    }
    for (const name of words.keys()) throw new OpError('state', `${name}: no such option of fin_timeout`);
    close(writer, at);
  },
  exit: (writer) => close(writer, open(writer, 17), 16),
};

/** By Nicira's subtype. */
export const niciraLearning: Readonly<Record<number, Decode>> = {
  16: (place) => learnText(place, 32),
  17: () => 'exit',
  19: ({ bytes, at }) => {
    const [idle, hard] = [word16(bytes, at + 10), word16(bytes, at + 12)];
    const words = [...(idle === 0 ? [] : [`idle_timeout=${idle}`]), ...(hard === 0 ? [] : [`hard_timeout=${hard}`])];
    // OVS's printer takes the parenthesis for the comma that it would drop, when there is neither.
    return `fin_timeout(${words.join(',')})`;
  },
  34: ({ bytes, at }) => `conjunction(${word32(bytes, at + 12) >>> 0},${(bytes[at + 10] ?? 0) + 1}/${bytes[at + 11]})`,
  45: (place) => learnText(place, 40),
};

const FLOW_REMOVED = 1;
const DELETE_LEARNED = 2;
const WRITE_RESULT = 4;
const IMMEDIATE = 1 << 13;
const LOAD = 1 << 11;
const OUTPUT = 2 << 11;
const PRIORITY = 32768;

/** Numbers of a learn: name, place from its first byte, width. */
const numbers: Readonly<Record<string, readonly [place: number, width: number]>> = {
  idle_timeout: [10, 2],
  hard_timeout: [12, 2],
  priority: [14, 2],
  cookie: [16, 8],
  table: [26, 1],
  fin_idle_timeout: [28, 2],
  fin_hard_timeout: [30, 2],
};

function putLearn(writer: Writer, arg: string, scope: Scope): void {
  const words = split(arg).map((word) => [word, ...pair(word)] as const);
  const long = words.some(([, key]) => key === 'limit' || key === 'result_dst');
  const at = open(writer, long ? 45 : 16);
  writer.number(0, 4);
  writer.number(PRIORITY, 2);
  writer.number(0, 10);
  writer.number(1, 1);
  writer.number(0, 5);
  if (long) writer.number(0, 8);
  let flags = 0;
  const result = words.find(([, key]) => key === 'result_dst');
  if (result !== undefined) {
    const part = parseSubfield(result[2]);
    if (part.bits !== 1) throw new OpError('state', `${result[2]} is not one bit`);
    flags |= WRITE_RESULT;
    writer.patch(at + 36, part.offset);
    putShort(writer, part);
  }
  for (const [word, key, value] of words) {
    const number = numbers[key];
    if (number !== undefined) over(writer, at + number[0], parseNumber(value, number[1]));
    else if (key === 'limit') over(writer, at + 32, parseNumber(value, 4));
    else if (key === 'send_flow_rem') flags |= FLOW_REMOVED;
    else if (key === 'delete_learned') flags |= DELETE_LEARNED;
    else if (key !== 'result_dst') spec(writer, word, key, value, scope);
  }
  if (writer.bytes[at + 26] === 255) throw new OpError('state', 'learn into table 255');
  writer.patch(at + 24, flags);
  close(writer, at);
}

function over(writer: Writer, at: number, bytes: Uint8Array): void {
  for (const [index, byte] of bytes.entries()) writer.bytes[at + index] = byte;
}

function spec(writer: Writer, word: string, key: string, value: string, { ports }: Scope): void {
  if (key === 'output') {
    const from = parseSubfield(value);
    writer.number(OUTPUT | from.bits, 2);
    return source(writer, from);
  }
  if (key === 'load') {
    const [from = '', to = ''] = value.split('->');
    const dst = parseSubfield(to);
    if (/^\d/.test(from)) immediate(writer, dst, LOAD, parseNumber(from, 16));
    else {
      writer.number(LOAD | same(word, parseSubfield(from), dst), 2);
      source(writer, parseSubfield(from));
    }
    return source(writer, dst);
  }
  const [name, text] = value === '' && word.includes('[') ? [word, ''] : [key, value];
  const dst = parseSubfield(name);
  const src = text === '' ? dst : other(text);
  if (src === null) {
    const all = dst.offset === 0 && dst.bits === dst.field.bits;
    const whole = all ? parseValue(dst.field, text, ports) : { value: parseNumber(text, dst.field.bytes), mask: null };
    if (whole.mask !== null) throw new OpError('state', `${word}: no mask is possible here`);
    immediate(writer, dst, 0, whole.value);
  } else {
    writer.number(same(word, src, dst), 2);
    source(writer, src);
  }
  source(writer, dst);
}

/** A part of a field if the text names one, else null: then it is a value. */
function other(text: string): Subfield | null {
  const name = text.split('[')[0] ?? '';
  return fieldNamed(name) !== undefined || /^[A-Z]+_/.test(name) ? parseSubfield(text) : null;
}

function same(word: string, from: Subfield, to: Subfield): number {
  if (from.bits !== to.bits) throw new OpError('state', `${word}: the parts differ in width`);
  return from.bits;
}

function source(writer: Writer, part: Subfield): void {
  putShort(writer, part);
  writer.number(part.offset, 2);
}

function immediate(writer: Writer, { bits }: Subfield, kind: number, bytes: Uint8Array): void {
  const value = toBig(bytes);
  if (value >> BigInt(bits) !== 0n)
    throw new OpError('state', `0x${value.toString(16)} does not fit into ${bits} bits`);
  writer.number(IMMEDIATE | kind | bits, 2);
  writer.put(fromBig(value, 2 * Math.ceil(bits / 16)));
}

function learnText(place: Place, size: number): string {
  atLeast(place, 'learn', size);
  const { bytes, at, end } = place;
  const flags = word16(bytes, at + 24);
  const words = [`table=${bytes[at + 26]}`];
  for (const name of ['idle_timeout', 'hard_timeout', 'fin_idle_timeout', 'fin_hard_timeout']) {
    const value = word16(bytes, at + (numbers[name]?.[0] ?? 0));
    if (value !== 0) words.push(`${name}=${value}`);
  }
  if (word16(bytes, at + 14) !== PRIORITY) words.push(`priority=${word16(bytes, at + 14)}`);
  if ((flags & FLOW_REMOVED) !== 0) words.push('send_flow_rem');
  if ((flags & DELETE_LEARNED) !== 0) words.push('delete_learned');
  const cookie = hexText(bytes, at + 16, 8);
  if (cookie !== '0') words.push(`cookie=${cookie}`);
  let from = at + size;
  if (size === 40) {
    if (word32(bytes, at + 32) !== 0) words.push(`limit=${word32(bytes, at + 32) >>> 0}`);
    if ((flags & WRITE_RESULT) !== 0) {
      words.push(`result_dst=${subfieldText(subfieldAt(place, from, word16(bytes, at + 36), 1))}`);
      from += headSize(bytes, from);
    }
  }
  while (from + 2 <= end && word16(bytes, from) !== 0) {
    const [text, next] = specText(place, from);
    words.push(text);
    from = next;
  }
  return `learn(${words.join(',')})`;
}

/** One part of a learn, and where the next begins. */
function specText(place: Place, start: number): readonly [string, number] {
  const { bytes, end, ports } = place;
  const head = word16(bytes, start);
  const bits = head & 0x3ff;
  const kind = head & (3 << 11);
  let at = start + 2;
  const part = (): Subfield => {
    headAt(bytes, at, end);
    const behind = at + headSize(bytes, at);
    if (behind + 2 > end) throw new OpError('protocol', 'learn ends within a field');
    const found = subfieldAt(place, at, word16(bytes, behind), bits);
    at = behind + 2;
    return found;
  };
  if ((head & 0xc000) !== 0 || kind === 3 << 11 || ((head & IMMEDIATE) !== 0 && kind === OUTPUT))
    throw new OpError('protocol', `unknown part 0x${head.toString(16)} of learn`);
  if ((head & IMMEDIATE) === 0) {
    const src = part();
    if (kind === OUTPUT) return [`output:${subfieldText(src)}`, at];
    const dst = part();
    if (kind === LOAD) return [`load:${subfieldText(src)}->${subfieldText(dst)}`, at];
    const plain = src.field === dst.field && src.offset === dst.offset;
    return [plain ? subfieldText(dst) : `${subfieldText(dst)}=${subfieldText(src)}`, at];
  }
  const width = 2 * Math.ceil(bits / 16);
  const [from, behind] = [at, at + width];
  if (behind > end) throw new OpError('protocol', 'learn ends within a value');
  at = behind;
  const dst = part();
  const digits = hexText(bytes, from, width);
  if (kind === LOAD) return [`load:${digits}->${subfieldText(dst)}`, at];
  const all = dst.offset === 0 && dst.bits === dst.field.bits;
  return [
    all
      ? `${dst.field.name}=${plainText(dst.field, toBig(bytes.slice(from, behind)))}`
      : `${subfieldText(dst)}=${digits}`,
    at,
  ];

  function plainText(field: Field, value: bigint): string {
    return valueText(field, fromBig(value, field.bytes), 0, null, ports);
  }
}
