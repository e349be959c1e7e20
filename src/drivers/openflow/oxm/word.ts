// One word of a match: what it says to the others, and its TLVs where they let it (ovs-fields(7)).

import { OpError, wrap } from '../../../error.ts';
import { readable } from './direct.ts';
import { type Field, fieldNamed, fields } from './field.ts';
import { demand, meant, type Says, shorthands } from './need.ts';
import { readNumber } from './number.ts';
import type { Ports } from './port.ts';
import { parseSubfield, spread, toBig } from './subfield.ts';
import { make, type Tlv, tlvOf, two } from './tlv.ts';
import { parseValue } from './value.ts';
import { vlanWord } from './vlan.ts';

/** A name whose commonest values are read without a Word; `at` is the field that it means in a situation. */
export type Name = { readonly kind: 'name'; readonly name: string; readonly at: (Field | undefined)[] };

/** `fixed` when the word means the same in every match, else `at` for each situation met. */
export type Word = {
  readonly kind: 'word';
  readonly name: string;
  readonly value: string;
  readonly says: Partial<Says> | null;
  readonly fixed: readonly Tlv[] | null;
  /** Whether the word speaks of an Ethernet packet, even where it leaves no TLV. */
  readonly link: boolean;
  readonly at: Map<number, readonly Tlv[]>;
};

/** Names that say nothing of others, and whose values `read` of direct.ts takes. */
export function plainNames(): ReadonlyMap<string, Name> {
  const all = [...fields.filter(readable).flatMap(({ name, aliases }) => [name, ...aliases]), 'tp_src', 'tp_dst'];
  const plain = all.filter((name) => saying[fieldNamed(name)?.name ?? ''] === undefined && !name.includes('vlan'));
  return new Map(plain.map((name) => [name, { kind: 'name', name, at: [] }]));
}

/** @throws OpError `state` naming the word. */
export function readWord(word: string, ports: Ports): Word {
  const equals = word.indexOf('=');
  const name = equals < 0 ? word : word.slice(0, equals);
  const value = word.slice(equals + 1);
  const short = equals < 0 ? shorthands.get(word) : undefined;
  if (short !== undefined) {
    const [eth, proto] = short;
    const types = [make('eth_type', two(eth)), ...(proto < 0 ? [] : [make('nw_proto', Uint8Array.of(proto))])];
    return {
      kind: 'word',
      name,
      value: '',
      says: proto < 0 ? { eth } : { eth, proto },
      fixed: types,
      link: true,
      at: new Map(),
    };
  }
  if (word === 'eth') return { kind: 'word', name, value: '', says: null, fixed: [], link: true, at: new Map() };
  if (equals < 0 || value === '')
    throw new OpError('state', `${word}: ${fieldNamed(name) ? 'no value' : 'no such field'}`);
  try {
    const tag = vlanWord(name, value, ports);
    if (tag !== null) return { kind: 'word', name, value, says: tag, fixed: [], link: true, at: new Map() };
    if (name === 'packet_type') throw new OpError('state', 'only Ethernet packets are supported');
    const bracket = name.indexOf('[');
    const field = bracket < 0 ? meantAlways(name) : null;
    if (bracket >= 0) {
      const part = parseSubfield(name);
      if (part.field.need !== 'none') throw new OpError('state', `a part of ${part.field.name} is not supported here`);
      return {
        kind: 'word',
        name,
        value,
        says: null,
        fixed: registers(part.field, spread(part, value)),
        link: false,
        at: new Map(),
      };
    }
    if (field === null)
      return { kind: 'word', name, value, says: saysOf(name, value, ports), fixed: null, link: true, at: new Map() };
    const parsed = parseValue(field, value, ports);
    const says =
      field.name === 'eth_type'
        ? { eth: readNumber(parsed.value, 0, 2) }
        : field.name === 'ct_state'
          ? { ctValid: valid(parsed.value[3] ?? 0, parsed.mask?.[3] ?? 0xff) }
          : null;
    return {
      kind: 'word',
      name,
      value,
      says,
      fixed: registers(field, parsed),
      link: ofLink(field.order),
      at: new Map(),
    };
  } catch (error) {
    throw wrap(word, error);
  }
}

/** Its TLVs in a situation. @throws OpError `state` naming the word, or what it needs. */
export function resolve(word: Word, where: number, ports: Ports): readonly Tlv[] {
  const field = meant(word.name, where);
  demand(word.name, field.need, where);
  try {
    if (field.name === 'nw_tos') return dscp(word.value, field, ports);
    const parsed = parseValue(field, word.value, ports);
    const first = parsed.value[0] ?? 0;
    if (parsed.value.length === 1 && field.bits < 8 && first >> field.bits !== 0)
      throw new OpError('state', `${word.value} is too large for ${field.bits} bits`);
    if (parsed.mask?.every((byte) => byte === 0) === true) return [];
    // All the bits that the field has are an exact match.
    const exact = parsed.mask !== null && toBig(parsed.mask) === EXACT[field.name];
    return [tlvOf(field, parsed.value, exact ? null : parsed.mask)];
  } catch (error) {
    throw wrap(`${word.name}=${word.value}`, error);
  }
}

/** Whether a field's place is among those of Ethernet packets. */
export function ofLink(order: number): boolean {
  return order >= firstLink && order <= lastLink;
}

const firstLink = (fieldNamed('eth_src') as Field).order;
const lastLink = (fieldNamed('arp_tha') as Field).order;

/** Whether a ct_state is of a connection: one of its bits says so, or it is tracked and expressly not invalid. */
function valid(state: number, mask: number): boolean {
  return (state & 0xcf) !== 0 || ((state & 0x20) !== 0 && (mask & 0x10) !== 0 && (state & 0x10) === 0);
}

/** A field that means the same in every match. */
function meantAlways(name: string): Field | null {
  const field = fieldNamed(name);
  return field !== undefined && field.need === 'none' ? field : null;
}

/** What the words that need others say to others. */
function saysOf(name: string, value: string, ports: Ports): Partial<Says> | null {
  const key = saying[fieldNamed(name)?.name ?? ''];
  if (key === undefined) {
    if (fieldNamed(name) === undefined && name !== 'tp_src' && name !== 'tp_dst')
      throw new OpError('state', 'no such field');
    return null;
  }
  if (key === 'ctProtocol') return { ctProtocol: value !== '0' };
  const field = fieldNamed('nw_proto') as Field;
  return { [key]: readNumber(parseValue(field, value, ports).value, 0, 1) };
}

/** All the bits of fields that are narrower than their bytes. */
const EXACT: Readonly<Record<string, bigint>> = { ip_frag: 3n, ipv6_label: 0xfffffn };

const saying: Readonly<Record<string, 'proto' | 'icmpType' | 'icmpCode' | 'ctProtocol'>> = {
  nw_proto: 'proto',
  icmp_type: 'icmpType',
  icmp_code: 'icmpCode',
  icmpv6_type: 'icmpType',
  icmpv6_code: 'icmpCode',
  ct_nw_proto: 'ctProtocol',
};

/** `nw_tos` is the DSCP where it stands in the byte; OpenFlow 1.2 and later have it shifted. */
function dscp(value: string, field: Field, ports: Ports): readonly Tlv[] {
  const tos = parseValue(field, value, ports).value[0] ?? 0;
  if ((tos & 3) !== 0) throw new OpError('state', `${value} has bits of the ECN`);
  return [make('ip_dscp', Uint8Array.of(tos >> 2))];
}

/** The TLVs of a field without prerequisite; wide registers are several of 32 bits. */
function registers(
  field: Field,
  { value, mask }: { readonly value: Uint8Array; readonly mask: Uint8Array | null },
): readonly Tlv[] {
  if (mask?.every((byte) => byte === 0) === true) return [];
  const wide = /^(x{1,2})reg(\d+)$/.exec(field.name);
  if (wide === null) {
    const limit = field.bits % 8 === 0 ? 0 : (value[0] ?? 0) >> (field.bits % 8);
    if (limit !== 0 && field.bytes * 8 - field.bits < 8) throw new OpError('state', `too large for ${field.bits} bits`);
    const used = mask ?? FULL[field.name] ?? null;
    return [tlvOf(field.name === 'in_port' ? inPort : field, field.name === 'in_port' ? widened(value) : value, used)];
  }
  const parts = field.bytes / 4;
  const first = Number(wide[2]) * parts;
  return Array.from({ length: parts }, (_, index): readonly Tlv[] => {
    const register = fieldNamed(`reg${first + index}`) as Field;
    const own = mask?.slice(index * 4, index * 4 + 4) ?? null;
    const some = own === null || own.some((byte) => byte !== 0);
    const exact = own === null || own.every((byte) => byte === 255);
    return some ? [tlvOf(register, value.slice(index * 4, index * 4 + 4), exact ? null : own)] : [];
  }).flat();
}

const inPort = fieldNamed('in_port_oxm') as Field;

function widened(value: Uint8Array): Uint8Array {
  const high = value[0] === 255 ? 255 : 0;
  return Uint8Array.of(high, high, value[0] ?? 0, value[1] ?? 0);
}

/** OVS has fewer bits of these than the wire, and sends them with a mask. */
const FULL: Readonly<Record<string, Uint8Array>> = {
  ct_state: Uint8Array.of(0, 0, 0, 255),
  tun_flags: Uint8Array.of(0, 1),
};
