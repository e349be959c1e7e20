// Connection tracking: ct with its commit, nat and exec, ct_clear and clone (ovs-actions(7)).

import { OpError } from '../../../error.ts';
import { word16, word32 } from './header.ts';
import { ipv4Text, ipv6Text, parseIpv4, parseIpv6, parseSmall } from './number.ts';
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
  span,
  spanText,
  split,
} from './scope.ts';
import { parseSubfield } from './subfield.ts';
import type { Writer } from './writer.ts';

export const tracking: Readonly<Record<string, Encode>> = {
  ct: putCt,
  ct_clear: (writer) => close(writer, open(writer, 43), 16),
  clone: (writer, arg, scope) => {
    const at = open(writer, 42);
    writer.number(0, 6);
    scope.nest(writer, arg, scope);
    close(writer, at);
  },
};

/** By Nicira's subtype. */
export const niciraTracking: Readonly<Record<number, Decode>> = {
  35: ctText,
  36: natText,
  42: (place) => `clone(${place.nest(place.bytes, place.at + 16, place.end, place.ports, place.depth + 1)})`,
  43: () => 'ct_clear',
};

const COMMIT = 1;
const FORCE = 2;
const ports: Readonly<Record<string, number>> = { ftp: 21, tftp: 69 };

function putCt(writer: Writer, arg: string, scope: Scope): void {
  const at = open(writer, 35);
  // flags, zone's field, zone, table, padding, helper
  const head = writer.length;
  for (const width of [2, 4, 2]) writer.number(0, width);
  writer.number(255, 1);
  writer.number(0, 3);
  writer.number(0, 2);
  let flags = 0;
  for (const word of split(arg)) {
    const [key, value] = pair(word);
    if (key === 'commit') flags |= COMMIT;
    else if (key === 'force') flags |= FORCE;
    else if (key === 'table') writer.bytes[head + 8] = parseSmall(value, 254);
    else if (key === 'zone') zone(writer, head, value);
    else if (key === 'alg') writer.patch(head + 12, algorithm(value));
    else if (key === 'nat') putNat(writer, value);
    else if (key === 'exec') exec(writer, value, scope);
    else throw new OpError('state', `${word}: no such option of ct`);
  }
  if ((flags & FORCE) !== 0 && (flags & COMMIT) === 0) throw new OpError('state', 'force needs commit');
  writer.patch(head, flags);
  close(writer, at);
}

function zone(writer: Writer, head: number, value: string): void {
  if (/^\d/.test(value)) return writer.patch(head + 6, parseSmall(value, 0xffff));
  const part = parseSubfield(value);
  if (part.bits !== 16) throw new OpError('state', `${value} is not 16 bits`);
  const behind = writer.length;
  writer.length = head + 2;
  putShort(writer, part);
  writer.number(span(part), 2);
  writer.length = behind;
}

function algorithm(name: string): number {
  const port = ports[name];
  if (port === undefined) throw new OpError('state', `${name} is not one of ${Object.keys(ports).join(', ')}`);
  return port;
}

/** Only the connection's own fields can be set there. */
function exec(writer: Writer, value: string, scope: Scope): void {
  for (const word of split(value)) {
    const [key, arg] = pair(word);
    const own = /->(ct_mark|ct_label|NXM_NX_CT_MARK|NXM_NX_CT_LABEL)(\[[\d.]*\])?$/.test(arg);
    if (!['set_field', 'load', 'move'].includes(key) || !own)
      throw new OpError('state', `${word}: exec sets ct_mark and ct_label only`);
  }
  scope.nest(writer, value, scope);
}

const SRC = 1;
const DST = 2;
const natFlags: readonly (readonly [string, number])[] = [
  ['persistent', 4],
  ['hash', 8],
  ['random', 16],
];

function putNat(writer: Writer, arg: string): void {
  const at = open(writer, 36);
  writer.number(0, 2);
  const head = writer.length;
  writer.number(0, 4);
  let flags = 0;
  let range: string | null = null;
  for (const word of split(arg)) {
    const [key] = pair(word);
    const flag = natFlags.find(([name]) => name === key)?.[1];
    if (key === 'src' || key === 'dst') {
      flags |= key === 'src' ? SRC : DST;
      range = word.slice(4);
    } else if (flag === undefined) throw new OpError('state', `${word}: no such option of nat`);
    else flags |= flag;
  }
  if ((flags & SRC) !== 0 && (flags & DST) !== 0) throw new OpError('state', 'nat: only one of src and dst');
  if (flags !== 0 && (flags & (SRC | DST)) === 0) throw new OpError('state', 'nat: src or dst is needed');
  if ((flags & 24) === 24) throw new OpError('state', 'nat: only one of hash and random');
  writer.patch(head, flags);
  if (range !== null && range !== '') writer.patch(head + 2, putRange(writer, range));
  close(writer, at);
}

const fourRange = /^([\d.]+)(?:-([\d.]+))?(?::(\d+)(?:-(\d+))?)?$/;
const sixRange = /^(\[[^\]]*\]|[\da-fA-F:.]+)(?:-(\[[^\]]*\]|[\da-fA-F:.]+))?(?:(?<=\]):(\d+)(?:-(\d+))?)?$/;

/** `A[-B][:P[-Q]]`; IPv6 in brackets when ports follow. Gives the bits of what is there. */
function putRange(writer: Writer, text: string): number {
  const found = fourRange.exec(text) ?? sixRange.exec(text);
  const wrong = (): OpError => new OpError('state', `${text} is not a range of addresses and ports`);
  if (found === null) throw wrong();
  const [, first = '', last, low, high] = found;
  const address = (part: string, read: typeof parseIpv4, width: number): Uint8Array => {
    const bytes = new Uint8Array(width);
    if (!read(part.replace(/^\[|\]$/g, ''), bytes, 0)) throw wrong();
    return bytes;
  };
  const four = /^[\d.]+$/.test(first);
  const [read, width, bits] = four ? ([parseIpv4, 4, [1, 2]] as const) : ([parseIpv6, 16, [4, 8]] as const);
  const addresses = [first, ...(last === undefined ? [] : [last])].map((part) => address(part, read, width));
  const numbers = [low, high].filter((part) => part !== undefined).map((part) => parseSmall(part, 0xffff));
  if (!ordered(addresses) || (numbers[1] ?? 0xffff) < (numbers[0] ?? 0)) throw wrong();
  let present = 0;
  for (const [index, bytes] of addresses.entries()) {
    if (bytes.every((byte) => byte === 0)) throw wrong();
    writer.put(bytes);
    present |= bits[index] ?? 0;
  }
  for (const [index, number] of numbers.entries())
    if (number !== 0) {
      writer.number(number, 2);
      present |= 16 << index;
    }
  return present;
}

function ordered([first, last]: readonly Uint8Array[]): boolean {
  return first === undefined || last === undefined || Buffer.compare(first, last) <= 0;
}

function ctText(place: Place): string {
  atLeast(place, 'ct', 24);
  const { bytes, at, end } = place;
  const flags = word16(bytes, at + 10);
  const words = [...((flags & COMMIT) === 0 ? [] : ['commit']), ...((flags & FORCE) === 0 ? [] : ['force'])];
  if (bytes[at + 18] !== 255) words.push(`table=${bytes[at + 18]}`);
  if (word32(bytes, at + 12) !== 0) words.push(`zone=${spanText(place, at + 12, at + 16)}`);
  else if (word16(bytes, at + 16) !== 0) words.push(`zone=${word16(bytes, at + 16)}`);
  let rest = at + 24;
  if (rest + 16 <= end && word16(bytes, rest) === 0xffff && word16(bytes, rest + 8) === 36) {
    const length = word16(bytes, rest + 2);
    if (length < 16 || length % 8 !== 0 || rest + length > end) throw new OpError('protocol', `nat of ${length} bytes`);
    words.push(natText({ ...place, at: rest, end: rest + length }));
    rest += length;
  }
  if (rest < end) words.push(`exec(${place.nest(bytes, rest, end, place.ports, place.depth + 1)})`);
  const port = word16(bytes, at + 22);
  if (port !== 0) words.push(`alg=${Object.keys(ports).find((name) => ports[name] === port) ?? port}`);
  return `ct(${words.join(',')})`;
}

function natText(place: Place): string {
  atLeast(place, 'nat', 16);
  const { bytes, end } = place;
  const flags = word16(bytes, place.at + 12);
  const present = word16(bytes, place.at + 14);
  let at = place.at + 16;
  const take = (size: number): number => {
    const from = at;
    at += size;
    if (at > end) throw new OpError('protocol', 'nat is too short for its range');
    return from;
  };
  const six = (present & 12) !== 0;
  if (six && (present & 3) !== 0) throw new OpError('protocol', 'nat to addresses of both families');
  if ((present & 48) !== 0 && (present & 5) === 0) throw new OpError('protocol', 'nat to ports without an address');
  const bracket = (text: string, on: boolean): string => (on ? `[${text}]` : text);
  const first = (present & 5) === 0 ? -1 : take(six ? 16 : 4);
  const last = (present & 10) === 0 ? -1 : take(six ? 16 : 4);
  const low = (present & 16) === 0 ? 0 : word16(bytes, take(2));
  const high = (present & 32) === 0 ? 0 : word16(bytes, take(2));
  if ((flags & (SRC | DST)) === 0) return 'nat';
  const address = (from: number): string => (six ? bracket(ipv6Text(bytes, from), low !== 0) : ipv4Text(bytes, from));
  let range = first < 0 ? '' : `=${address(first)}`;
  if (first >= 0 && last >= 0 && address(first) !== address(last)) range += `-${address(last)}`;
  if (first >= 0 && low !== 0) range += `:${low}${high !== 0 && high !== low ? `-${high}` : ''}`;
  const words = natFlags.filter(([, flag]) => (flags & flag) !== 0).map(([name]) => name);
  return `nat(${[`${(flags & SRC) !== 0 ? 'src' : 'dst'}${range}`, ...(first < 0 ? [] : words)].join(',')})`;
}
