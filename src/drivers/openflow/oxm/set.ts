// Actions that change a packet or a register (ovs-actions(7); OpenFlow 1.4 §7.2.5).

import { OpError } from '../../../error.ts';
import { read, readable, taken } from './direct.ts';
import { type Field, fieldNamed } from './field.ts';
import { headAt, headSize, word16 } from './header.ts';
import { fieldBytes } from './tlv.ts';
import { hexText, parseSmall } from './number.ts';
import {
  atLeast,
  bytesText,
  close,
  type Decode,
  type Encode,
  open,
  parseBytes,
  type Place,
  putShort,
  type Scope,
  simple,
  span,
  spanText,
  subfieldAt,
} from './scope.ts';
import { fromBig, parseSubfield, spread, subfieldText, toBig } from './subfield.ts';
import { parseValue, type Value, valueText } from './value.ts';
import type { Writer } from './writer.ts';

export const sets: Readonly<Record<string, Encode>> = {
  set_field: (writer, arg, { ports }) => {
    const [value, name] = arrow(arg);
    const field = named(name);
    if (!field.writable) throw new OpError('state', `${name} is read-only`);
    if (readable(field) && read(field, value, 0, value.length) && !taken.masked) return putTaken(writer, field);
    const parsed = parseValue(field, value, ports);
    if (toBig(parsed.value) > largest(field)) throw new OpError('state', `${value} is not a value of ${name}`);
    if (parsed.mask === null) putSet(writer, field, parsed.value);
    else putLoads(writer, field, parsed);
  },
  load: (writer, arg) => {
    const [value, name] = arrow(arg);
    const part = parseSubfield(name);
    if (!part.field.writable) throw new OpError('state', `${name} is read-only`);
    putLoads(writer, part.field, spread(part, value));
  },
  move: (writer, arg) => {
    const [from, to] = arrow(arg).map((text) => parseSubfield(text));
    if (from === undefined || to === undefined || from.bits !== to.bits)
      throw new OpError('state', `${arg}: the parts differ in width`);
    if (!to.field.writable) throw new OpError('state', `${to.field.name} is read-only`);
    const at = open(writer, 6);
    writer.number(from.bits, 2);
    writer.number(from.offset, 2);
    writer.number(to.offset, 2);
    putShort(writer, from);
    putShort(writer, to);
    close(writer, at);
  },
  push: (writer, arg) => stack(writer, 27, arg),
  pop: (writer, arg) => stack(writer, 28, arg),
  push_vlan: (writer, arg, scope) => {
    const type = parseSmall(arg, 0xffff);
    if (type !== 0x8100 && type !== 0x88a8) throw new OpError('state', `${arg} is not 0x8100 or 0x88a8`);
    pushTag(writer, scope, type);
  },
  pop_vlan: popTag,
  strip_vlan: popTag,
  mod_vlan_vid: (writer, arg, scope) => {
    if (scope.tags === 0) pushTag(writer, scope, 0x8100);
    setVid(writer, arg);
  },
  set_vlan_vid: setVid,
  mod_vlan_pcp: (writer, arg, scope) => {
    if (scope.tags === 0) pushTag(writer, scope, 0x8100);
    set(writer, 'vlan_pcp', Uint8Array.of(parseSmall(arg, 7)));
  },
  set_vlan_pcp: (writer, arg) => set(writer, 'vlan_pcp', Uint8Array.of(parseSmall(arg, 7))),
  mod_dl_src: (writer, arg, scope) => whole(writer, 'eth_src', arg, scope),
  mod_dl_dst: (writer, arg, scope) => whole(writer, 'eth_dst', arg, scope),
  mod_nw_src: (writer, arg, scope) => whole(writer, 'ip_src', arg, scope),
  mod_nw_dst: (writer, arg, scope) => whole(writer, 'ip_dst', arg, scope),
  mod_nw_tos: (writer, arg) => {
    const tos = parseSmall(arg, 255);
    if ((tos & 3) !== 0) throw new OpError('state', `${arg} has bits of the ECN`);
    set(writer, 'ip_dscp', Uint8Array.of(tos >> 2));
  },
  mod_nw_ecn: (writer, arg) => set(writer, 'nw_ecn', Uint8Array.of(parseSmall(arg, 3))),
  mod_nw_ttl: (writer, arg) => simple(writer, 23, 8, parseSmall(arg, 255), 1),
  set_nw_ttl: (writer, arg) => simple(writer, 23, 8, parseSmall(arg, 255), 1),
  mod_tp_src: (writer, arg, scope) => whole(writer, `${transport(scope)}_src`, arg, scope),
  mod_tp_dst: (writer, arg, scope) => whole(writer, `${transport(scope)}_dst`, arg, scope),
  set_tunnel: (writer, arg, scope) => whole(writer, 'tun_id', arg, scope),
  set_tunnel64: (writer, arg, scope) => whole(writer, 'tun_id', arg, scope),
  dec_ttl: (writer, arg) => {
    if (arg === '') return simple(writer, 24, 8);
    const ids = arg.split(',').map((id) => parseSmall(id.trim(), 0xffff));
    const at = open(writer, 21);
    writer.number(ids.length, 2);
    writer.number(0, 4);
    for (const id of ids) writer.number(id, 2);
    close(writer, at);
  },
  set_mpls_label: (writer, arg, scope) => whole(writer, 'mpls_label', arg, scope),
  set_mpls_tc: (writer, arg, scope) => whole(writer, 'mpls_tc', arg, scope),
  set_mpls_ttl: (writer, arg) => simple(writer, 15, 8, parseSmall(arg, 255), 1),
  dec_mpls_ttl: (writer) => simple(writer, 16, 8),
  push_mpls: (writer, arg) => simple(writer, 19, 8, parseSmall(arg, 0xffff), 2),
  pop_mpls: (writer, arg) => simple(writer, 20, 8, parseSmall(arg, 0xffff), 2),
  note: (writer, arg) => {
    const at = open(writer, 8);
    writer.put(parseBytes(arg));
    close(writer, at, 16);
  },
  check_pkt_larger: (writer, arg) => {
    const [length, to] = arrow(arg);
    const part = parseSubfield(to);
    if (part.bits !== 1) throw new OpError('state', `${to} is not one bit`);
    const at = open(writer, 49);
    writer.number(parseSmall(length.replace(/^\(|\)$/g, ''), 0xffff), 2);
    writer.number(part.offset, 2);
    putShort(writer, part);
    close(writer, at, 24);
  },
};

/** By type of OpenFlow 1.4. */
export const standardSets: Readonly<Record<number, Decode>> = {
  15: ({ bytes, at }) => `set_mpls_ttl(${bytes[at + 4]})`,
  16: () => 'dec_mpls_ttl',
  17: ({ bytes, at }) => `push_vlan:0x${word16(bytes, at + 4).toString(16)}`,
  18: () => 'pop_vlan',
  19: ({ bytes, at }) => `push_mpls:${four(word16(bytes, at + 4))}`,
  20: ({ bytes, at }) => `pop_mpls:${four(word16(bytes, at + 4))}`,
  23: ({ bytes, at }) => `mod_nw_ttl:${bytes[at + 4]}`,
  24: () => 'dec_ttl',
  25: (place) => {
    const { bytes, at, end, ports } = place;
    const { field, masked } = headAt(bytes, at + 4, end);
    const from = at + 4 + headSize(bytes, at + 4);
    if (masked) throw new OpError('protocol', `set_field of ${field.name} with a mask, which OpenFlow 1.4 has not`);
    if (from + field.bytes > end) throw new OpError('protocol', `set_field of ${field.name} is too short`);
    return `set_field:${valueText(field, bytes, from, null, ports)}->${field.name}`;
  },
};

/** By Nicira's subtype. */
export const niciraSets: Readonly<Record<number, Decode>> = {
  6: (place) => {
    atLeast(place, 'move', 24);
    const { bytes, at } = place;
    const bits = word16(bytes, at + 10);
    const second = at + 16 + headSize(bytes, at + 16);
    const from = subfieldText(subfieldAt(place, at + 16, word16(bytes, at + 12), bits));
    return `move:${from}->${subfieldText(subfieldAt(place, second, word16(bytes, at + 14), bits))}`;
  },
  7: (place) => {
    atLeast(place, 'load', 24);
    const { bytes, at } = place;
    return `load:${hexText(bytes, at + 16, 8)}->${spanText(place, at + 12, at + 10)}`;
  },
  8: ({ bytes, at, end }) => `note:${bytesText(bytes, at + 10, end)}`,
  21: (place) => {
    const { bytes, at, end } = place;
    const count = word16(bytes, at + 10);
    if (at + 16 + 2 * count > end) throw new OpError('protocol', `dec_ttl of ${count} controllers is too short`);
    return `dec_ttl(${Array.from({ length: count }, (_, index) => word16(bytes, at + 16 + 2 * index)).join(',')})`;
  },
  27: (place) => stackText('push', place),
  28: (place) => stackText('pop', place),
  49: (place) => {
    atLeast(place, 'check_pkt_larger', 24);
    const { bytes, at } = place;
    const to = subfieldText(subfieldAt(place, at + 14, word16(bytes, at + 12), 1));
    return `check_pkt_larger(${word16(bytes, at + 10)})->${to}`;
  },
};

/** `VALUE->FIELD`. */
function arrow(arg: string): readonly [string, string] {
  const at = arg.indexOf('->');
  if (at < 1) throw new OpError('state', `${arg} has no ->`);
  return [arg.slice(0, at), arg.slice(at + 2)];
}

function named(name: string): Field {
  const field = fieldNamed(name);
  if (field === undefined) throw new OpError('state', `${name}: no such field`);
  return field;
}

/** The tag's identifier has its "present" bit beside it, and an ARP operation fits in 8 bits to OVS. */
function largest(field: Field): bigint {
  if (field.name === 'vlan_vid') return 0x1fffn;
  return (1n << BigInt(field.name === 'arp_op' ? 8 : field.bits)) - 1n;
}

function set(writer: Writer, name: string, value: Uint8Array): void {
  putSet(writer, named(name), value);
}

function putSet(writer: Writer, field: Field, value: Uint8Array): void {
  const at = writer.length;
  writer.number(25, 2);
  writer.number(0, 2);
  writer.put(fieldBytes(field, value, null));
  close(writer, at);
}

/** What `read` found, without an object on the way: each flow of a switch may have an address of its own. */
function putTaken(writer: Writer, field: Field): void {
  const at = writer.length;
  writer.number(25, 2);
  writer.number(0, 2);
  writer.number(field.header.word >>> 0, 4);
  if (field.bytes > 4) writer.number(taken.high, field.bytes - 4);
  writer.number(taken.low >>> 0, Math.min(4, field.bytes));
  close(writer, at);
}

/** The whole of a field from text, for the actions of OpenFlow 1.0. */
function whole(writer: Writer, name: string, text: string, { ports }: Scope): void {
  const field = named(name);
  const { value, mask } = parseValue(field, text, ports);
  if (mask !== null) throw new OpError('state', `${text}: no mask is possible here`);
  if (toBig(value) > largest(field)) throw new OpError('state', `${text} is not a value of ${name}`);
  putSet(writer, field, value);
}

/** OpenFlow 1.4 sets a part of a field by one load for each run of at most 64 bits. */
function putLoads(writer: Writer, field: Field, { value, mask }: Value): void {
  const ones = mask === null ? (1n << BigInt(field.bits)) - 1n : toBig(mask);
  if (ones === 0n) throw new OpError('state', 'the mask leaves nothing to set');
  const number = toBig(value);
  for (let offset = 0; offset < field.bits; ) {
    if (((ones >> BigInt(offset)) & 1n) === 0n) {
      offset += 1;
      continue;
    }
    let bits = 1;
    while (bits < 64 && offset + bits < field.bits && ((ones >> BigInt(offset + bits)) & 1n) === 1n) bits += 1;
    const at = open(writer, 7);
    const part = { field, offset, bits };
    writer.number(span(part), 2);
    putShort(writer, part);
    writer.put(fromBig((number >> BigInt(offset)) & ((1n << BigInt(bits)) - 1n), 8));
    close(writer, at);
    offset += bits;
  }
}

function stack(writer: Writer, subtype: number, arg: string): void {
  const part = parseSubfield(arg);
  if (subtype === 28 && !part.field.writable) throw new OpError('state', `${part.field.name} is read-only`);
  const at = open(writer, subtype);
  writer.number(part.offset, 2);
  putShort(writer, part);
  writer.number(part.bits, 2);
  close(writer, at, 24);
}

function stackText(name: string, place: Place): string {
  atLeast(place, name, 24);
  const { bytes, at } = place;
  const behind = at + 12 + headSize(bytes, at + 12);
  return `${name}:${subfieldText(subfieldAt(place, at + 12, word16(bytes, at + 10), word16(bytes, behind)))}`;
}

function pushTag(writer: Writer, scope: Scope, type: number): void {
  simple(writer, 17, 8, type, 2);
  // OVS looks at no more than two.
  scope.tags = Math.min(2, scope.tags + 1);
}

function popTag(writer: Writer, _: string, scope: Scope): void {
  simple(writer, 18, 8);
  scope.tags = Math.max(0, scope.tags - 1);
}

function setVid(writer: Writer, arg: string): void {
  const vid = parseSmall(arg, 4095) | 0x1000;
  set(writer, 'vlan_vid', Uint8Array.of(vid >> 8, vid & 255));
}

function transport({ proto }: Scope): string {
  if (proto === 6) return 'tcp';
  if (proto === 17) return 'udp';
  if (proto === 132) return 'sctp';
  throw new OpError('state', 'tcp, udp or sctp is needed in the match');
}

function four(value: number): string {
  return `0x${value.toString(16).padStart(4, '0')}`;
}
