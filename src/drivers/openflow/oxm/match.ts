// A match from text to OXM TLVs, in the order and form in which OVS sends them back (OpenFlow 1.4 §7.2.3, ovs-fields(7)).

import { OpError } from '../../../error.ts';
import { taken, read as take } from './direct.ts';
import type { Field } from './field.ts';
import { keep, memory } from './memory.ts';
import { demand, meant, type Says, silent, situation } from './need.ts';
import type { Ports } from './port.ts';
import { make, type Tlv } from './tlv.ts';
import { vlan } from './vlan.ts';
import { type Name, ofLink, plainNames, readWord, resolve, type Word } from './word.ts';
import { Writer } from './writer.ts';

/**
 * The TLVs of a match's text, without header and padding. OpenFlow 1.3 has the same. Masks are brought to one form
 * (10.0.0.5/24 is 10.0.0.0/24), registers of 64 and 128 bits to those of 32.
 * @throws OpError `state` naming the word that isn't understood, said twice or without its prerequisite.
 */
export function encodeMatch(text: string, ports: Ports): Uint8Array {
  scratch.length = 0;
  putMatch(scratch, text, ports);
  return scratch.slice();
}

/** The same into a writer, for many flows. Gives what the match says, until the next call. */
export function putMatch(writer: Writer, text: string, ports: Ports): Readonly<Says> {
  const known = words(ports);
  let count = 0;
  let linked = false;
  reset(all);
  const end = text.length;
  let from = 0;
  let equals = -1;
  for (let at = 0; at <= end; at += 1) {
    const code = at === end ? 44 : text.charCodeAt(at);
    if (code === 61 && equals < 0) equals = at;
    if (code !== 44 && code !== 32) continue;
    if (at > from) {
      const name = equals < 0 ? undefined : names.get(text.slice(from, equals));
      if (name === undefined) {
        const word = wordOf(known, text.slice(from, at), ports);
        if (word.says !== null) merge(word, word.says);
        if (word.link) linked = true;
        found[count] = word;
      } else {
        found[count] = name;
        starts[count] = from;
        values[count] = equals + 1;
        ends[count] = at;
      }
      count += 1;
      if (count > MOST) throw new OpError('state', `a match of more than ${MOST} words`);
    }
    from = at + 1;
    equals = -1;
  }
  const where = situation(all);
  tlvs = 0;
  pooled = 0;
  for (let index = 0; index < count; index += 1) {
    let word = found[index] as Word | Name;
    if (word.kind === 'name') {
      const field = word.at[where] ?? fieldAt(word, where);
      if (take(field, text, values[index] as number, ends[index] as number)) {
        insert(pool(field));
        continue;
      }
      word = wordOf(known, text.slice(starts[index], ends[index]), ports);
      if (word.link) linked = true;
    }
    const list = word.fixed ?? word.at.get(where) ?? keep(word.at, where, resolve(word, where, ports));
    for (const tlv of list) insert(tlv);
  }
  if (linked && all.eth === -1 && !onLink()) insert(ethernet);
  if (all.tciMask !== 0) for (const tlv of vlan(all.tci, all.tciMask)) insert(tlv);
  for (let index = 0; index < tlvs; index += 1) {
    const { bytes, size } = chosen[index] as Tlv;
    writer.put(bytes, size);
  }
  return all;
}

const MOST = 256;
const words = memory<Word>();
const scratch = new Writer();
const all = silent();
const found: (Word | Name)[] = [];
const starts: number[] = [];
const values: number[] = [];
const ends: number[] = [];
const chosen: Tlv[] = [];
let tlvs = 0;
let pooled = 0;
const names = plainNames();

const ethernet = make('packet_type', new Uint8Array(4));

/** Whether a TLV says that the packet is of Ethernet; a tag's comes later. */
function onLink(): boolean {
  if (all.tciMask !== 0) return true;
  for (let index = 0; index < tlvs; index += 1) if (ofLink((chosen[index] as Tlv).order)) return true;
  return false;
}

function reset(says: Says): void {
  says.eth = -1;
  says.proto = -1;
  says.icmpType = -1;
  says.icmpCode = -1;
  says.ctValid = false;
  says.ctProtocol = false;
  says.tci = 0;
  says.tciMask = 0;
}

function merge({ name, value }: Word, says: Partial<Says>): void {
  if (says.eth !== undefined) all.eth = agreed(name, value, all.eth, says.eth);
  if (says.proto !== undefined) all.proto = agreed(name, value, all.proto, says.proto);
  if (says.icmpType !== undefined) all.icmpType = says.icmpType;
  if (says.icmpCode !== undefined) all.icmpCode = says.icmpCode;
  if (says.ctValid === true) all.ctValid = true;
  if (says.ctProtocol === true) all.ctProtocol = true;
  if (says.tci !== undefined && says.tciMask !== undefined) {
    if (((all.tci ^ says.tci) & all.tciMask & says.tciMask) !== 0) throw twice(name, value);
    all.tci |= says.tci;
    all.tciMask |= says.tciMask;
  }
}

function agreed(name: string, value: string, before: number, now: number): number {
  if (before !== -1 && before !== now) throw twice(name, value);
  return now;
}

function twice(name: string, value: string): OpError {
  return new OpError('state', `${name}${value === '' ? '' : `=${value}`} contradicts another word of the match`);
}

/** Keeps `chosen` sorted. The same TLV twice is one; two of a field are a contradiction. */
function insert(tlv: Tlv): void {
  let at = tlvs;
  while (at > 0 && (chosen[at - 1] as Tlv).order > tlv.order) {
    chosen[at] = chosen[at - 1] as Tlv;
    at -= 1;
  }
  const before = at > 0 ? (chosen[at - 1] as Tlv) : null;
  if (before !== null && before.order === tlv.order) {
    if (before !== tlv && !same(before, tlv)) throw new OpError('state', `${tlv.name} twice in a match`);
    for (let index = at; index < tlvs; index += 1) chosen[index] = chosen[index + 1] as Tlv;
    return;
  }
  chosen[at] = tlv;
  tlvs += 1;
}

function same(a: Tlv, b: Tlv): boolean {
  return Buffer.compare(a.bytes.subarray(0, a.size), b.bytes.subarray(0, b.size)) === 0;
}

function wordOf(known: Map<string, Word>, key: string, ports: Ports): Word {
  return known.get(key) ?? keep(known, key, readWord(key, ports));
}

function fieldAt(name: Name, where: number): Field {
  const field = meant(name.name, where);
  demand(name.name, field.need, where);
  name.at[where] = field;
  return field;
}

const spare: { order: number; bytes: Uint8Array; size: number; name: string }[] = [];

/** What `take` took as a TLV, which is good until the next match. */
function pool(field: Field): Tlv {
  const tlv = spare[pooled] ?? { order: 0, bytes: new Uint8Array(12), size: 0, name: '' };
  spare[pooled] = tlv;
  pooled += 1;
  const { bytes } = tlv;
  const { high, low, mask, masked } = taken;
  const width = field.bytes;
  const head = masked ? field.header.word + 0x100 + width : field.header.word;
  tlv.order = field.order;
  tlv.name = field.name;
  tlv.size = masked ? 4 + width + width : 4 + width;
  put32(bytes, 0, head);
  if (width === 4) put32(bytes, 4, low);
  else if (width === 6) {
    bytes[4] = high >> 8;
    bytes[5] = high;
    put32(bytes, 6, low);
  } else if (width === 2) {
    bytes[4] = low >> 8;
    bytes[5] = low;
  } else bytes[4] = low;
  if (masked) put32(bytes, 8, mask);
  return tlv;
}

function put32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >> 24;
  bytes[at + 1] = value >> 16;
  bytes[at + 2] = value >> 8;
  bytes[at + 3] = value;
}
