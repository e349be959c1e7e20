// A flow's instructions between the text behind `actions=` and bytes (OpenFlow 1.4 §7.2.4; ovs-actions(7)).

import { OpError, wrap } from '../../../error.ts';
import { actionsText, nested, putAction } from './action.ts';
import { word16, word32 } from './header.ts';
import { putMatch } from './match.ts';
import { keep, memory } from './memory.ts';
import { hexText, parseNumber, parseSmall } from './number.ts';
import type { Ports } from './port.ts';
import { pair, type Scope, split } from './scope.ts';
import { Writer } from './writer.ts';

/**
 * The instructions for a flow's text behind `actions=`. OpenFlow 1.3 has the same bytes; 1.5 has not (meter is an action
 * there, and set_field takes masks). `match` is the flow's match: a few actions of OpenFlow 1.0 (mod_vlan_vid,
 * mod_tp_dst and their like) become others with it.
 * @throws OpError `state` naming the word that isn't understood.
 */
export function encodeInstructions(text: string, ports: Ports, match = ''): Uint8Array {
  scratch.length = 0;
  putInstructions(scratch, text, ports, match);
  return scratch.slice();
}

/** The same into a writer, for many flows; nothing is left there of what was refused. */
export function putInstructions(writer: Writer, text: string, ports: Ports, match = ''): void {
  const map = lists(ports);
  const found = map.get(text);
  if (found !== undefined) return writer.put(found);
  const start = writer.length;
  const dependent = text.includes('mod_vlan_') || text.includes('mod_tp_');
  try {
    write(writer, text, ports, dependent ? match : null);
  } catch (error) {
    writer.length = start;
    throw error;
  }
  if (!dependent && text.length <= LONGEST) keep(map, text, writer.slice(start));
}

/** The text behind `actions=`, as ovs-ofctl prints it. @throws OpError `protocol` naming what is unknown or cut off. */
export function decodeInstructions(bytes: Uint8Array, ports: Ports): string {
  return instructionsText(bytes, 0, bytes.length, ports);
}

/** The same for a part of a message. */
export function instructionsText(bytes: Uint8Array, from: number, to: number, ports: Ports): string {
  if (to - from > LONGEST) return print(bytes, from, to, ports);
  const map = printed(ports);
  const key = Buffer.from(bytes.buffer, bytes.byteOffset + from, to - from).toString('latin1');
  return map.get(key) ?? keep(map, key, print(bytes, from, to, ports));
}

const LONGEST = 512;
const scratch = new Writer();
const aside = new Writer();
const lists = memory<Uint8Array>();
const actions = memory<Uint8Array>();
const printed = memory<string>();

const METER = 0;
const APPLY = 1;
const CLEAR = 2;
const WRITE = 3;
const METADATA = 4;
const GOTO = 5;
const places: Readonly<Record<string, number>> = {
  meter: METER,
  clear_actions: CLEAR,
  write_actions: WRITE,
  write_metadata: METADATA,
  goto_table: GOTO,
};
const names: readonly string[] = ['meter', 'actions', 'clear_actions', 'write_actions', 'write_metadata', 'goto_table'];

function write(writer: Writer, text: string, ports: Ports, match: string | null): void {
  const words = split(text);
  if (words.length === 0) throw new OpError('state', 'no action; drop is one');
  if (words.includes('drop')) {
    if (words.length > 1) throw new OpError('state', `${text}: drop stands alone`);
    return;
  }
  const says = match === null || match === '' ? null : putMatch(aside, match, ports);
  const scope: Scope = {
    ports,
    tags: says !== null && (says.tci & 0x1000) !== 0 ? 1 : 0,
    proto: says?.proto ?? -1,
    depth: 0,
    nest: nested,
  };
  aside.length = 0;
  let last = -1;
  let apply = -1;
  for (const word of words) {
    const [key, arg] = pair(word);
    const place = places[key] ?? APPLY;
    if (place < last || (place === last && place !== APPLY))
      throw new OpError(
        'state',
        `${word} ${place === last ? 'twice' : `behind ${names[last]}`}: ${names.join(', ')} is the order`,
      );
    if (apply >= 0 && place !== APPLY) apply = finish(writer, apply);
    if (place === APPLY && apply < 0) apply = begin(writer, 4);
    last = place;
    if (place !== APPLY) put(writer, place, word, arg, scope);
    else if (match !== null) putAction(writer, word, scope);
    else action(writer, word, scope);
  }
  if (apply >= 0) finish(writer, apply);
}

/** An action that is the same whatever the match is, remembered by its word. */
function action(writer: Writer, word: string, scope: Scope): void {
  const map = actions(scope.ports);
  const found = map.get(word);
  if (found !== undefined) return writer.put(found);
  const start = writer.length;
  putAction(writer, word, scope);
  if (word.length <= LONGEST) keep(map, word, writer.slice(start));
}

function put(writer: Writer, place: number, word: string, arg: string, scope: Scope): void {
  try {
    switch (place) {
      case METER:
        writer.number(6, 2);
        writer.number(8, 2);
        return writer.number(parseSmall(arg, 0xffffffff), 4);
      case CLEAR:
        return void finish(writer, begin(writer, 5));
      case WRITE: {
        const at = begin(writer, 3);
        nested(writer, arg, scope);
        // Nothing to write is no instruction to OVS.
        if (writer.length === at + 8) writer.length = at;
        else finish(writer, at);
        return;
      }
      case METADATA: {
        const [value = '', mask = '0xffffffffffffffff'] = arg.split('/');
        const at = begin(writer, 2);
        writer.put(parseNumber(value, 8));
        writer.put(parseNumber(mask, 8));
        return void finish(writer, at);
      }
      default:
        writer.number(1, 2);
        writer.number(8, 2);
        writer.number(parseSmall(arg, 254), 1);
        return writer.number(0, 3);
    }
  } catch (error) {
    throw wrap(word, error);
  }
}

function begin(writer: Writer, type: number): number {
  const at = writer.length;
  writer.number(type, 2);
  writer.number(0, 6);
  return at;
}

/** Gives -1: none is open any more. */
function finish(writer: Writer, at: number): -1 {
  if (writer.length - at > 0xfff8) throw new OpError('state', 'actions of more than 65528 bytes');
  writer.patch(at + 2, writer.length - at);
  return -1;
}

/** By type. */
const kinds: readonly (number | undefined)[] = [undefined, GOTO, METADATA, WRITE, APPLY, CLEAR, METER];

function print(bytes: Uint8Array, from: number, to: number, ports: Ports): string {
  const words: (string | undefined)[] = [];
  for (let at = from; at < to; ) {
    if (to - at < 8) throw new OpError('protocol', `an instruction of ${to - at} bytes`);
    const type = word16(bytes, at);
    const length = word16(bytes, at + 2);
    if (length < 8 || length % 8 !== 0 || length > to - at)
      throw new OpError('protocol', `an instruction of type ${type} has length ${length} of ${to - at}`);
    const kind = kinds[type];
    if (kind === undefined) throw new OpError('protocol', `unknown instruction: type ${type}`);
    if (words[kind] !== undefined) throw new OpError('protocol', `instruction ${names[kind]} twice`);
    words[kind] = instruction(kind, bytes, at, at + length, ports);
    at += length;
  }
  const text = words.filter((word) => word !== undefined && word !== '').join(',');
  return text === '' ? 'drop' : text;
}

function instruction(kind: number, bytes: Uint8Array, at: number, end: number, ports: Ports): string {
  switch (kind) {
    case METER:
      return `meter:${word32(bytes, at + 4) >>> 0}`;
    case APPLY:
      return at + 8 === end ? '' : actionsText(bytes, at + 8, end, ports);
    case CLEAR:
      return 'clear_actions';
    case WRITE:
      return `write_actions(${actionsText(bytes, at + 8, end, ports)})`;
    case METADATA: {
      if (end - at < 24) throw new OpError('protocol', `write_metadata of ${end - at} bytes instead of 24`);
      const [value, mask] = [at + 8, at + 16].map((place) => hexText(bytes, place, 8));
      return `write_metadata:${value}${mask === '0xffffffffffffffff' ? '' : `/${mask}`}`;
    }
    default:
      return `goto_table:${bytes[at + 4]}`;
  }
}
