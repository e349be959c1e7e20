// Lists of actions between text and bytes (OpenFlow 1.4 §7.2.5; ovs-actions(7)).

import { OpError, wrap } from '../../../error.ts';
import { niciraTracking, tracking } from './ct.ts';
import { word16, word32 } from './header.ts';
import { learning, niciraLearning } from './learn.ts';
import { keep, memory } from './memory.ts';
import { niciraOutputs, outputs, putOutput, standardOutputs } from './output.ts';
import { type Ports, portNumber } from './port.ts';
import { DEEPEST, type Decode, type Encode, pair, type Scope, split } from './scope.ts';
import { niciraSets, sets, standardSets } from './set.ts';
import type { Writer } from './writer.ts';

/** Writes one action. @throws OpError `state` naming the word. */
export function putAction(writer: Writer, word: string, scope: Scope): void {
  const [key, arg] = pair(word);
  const encode = encoders.get(key) ?? encoders.get(key.toLowerCase());
  try {
    if (encode !== undefined) return encode(writer, arg, scope);
    const port = arg === '' ? portNumber(key, scope.ports) : undefined;
    if (port === undefined) throw new OpError('state', 'no such action');
    putOutput(writer, port, 0);
  } catch (error) {
    throw wrap(word, error);
  }
}

/** Writes a list within another action. @throws OpError `state` naming the word. */
export function nested(writer: Writer, text: string, scope: Scope): void {
  if (scope.depth >= DEEPEST) throw new OpError('state', `actions within actions, more than ${DEEPEST} deep`);
  const deeper = { ...scope, depth: scope.depth + 1 };
  const words = split(text);
  if (words.length === 1 && words[0] === 'drop') return;
  for (const word of words) putAction(writer, word, deeper);
}

/**
 * The actions from `from` to `to`, as OVS prints them; `drop` when there are none.
 * @throws OpError `protocol` naming the type of an action that is unknown or too short.
 */
export function actionsText(bytes: Uint8Array, from: number, to: number, ports: Ports, depth = 0): string {
  if (depth > DEEPEST) throw new OpError('protocol', `actions within actions, more than ${DEEPEST} deep`);
  if (from === to) return 'drop';
  let text = '';
  for (let at = from; at < to; ) {
    if (to - at < 8) throw new OpError('protocol', `an action of ${to - at} bytes`);
    const length = word16(bytes, at + 2);
    if (length < 8 || length % 8 !== 0 || length > to - at)
      throw new OpError('protocol', `an action of type ${word16(bytes, at)} has length ${length} of ${to - at}`);
    const word = actionText(bytes, at, at + length, ports, depth);
    text = text === '' ? word : `${text},${word}`;
    at += length;
  }
  return text;
}

const encoders: ReadonlyMap<string, Encode> = new Map(
  [outputs, sets, tracking, learning].flatMap((table) => Object.entries(table)),
);
const standard: ReadonlyMap<number, Decode> = byNumber([standardOutputs, standardSets]);
const nicira: ReadonlyMap<number, Decode> = byNumber([niciraOutputs, niciraSets, niciraTracking, niciraLearning]);
const printed = memory<string>();

function byNumber(tables: readonly Readonly<Record<number, Decode>>[]): ReadonlyMap<number, Decode> {
  return new Map(
    tables.flatMap((table) => Object.entries(table).map(([key, decode]) => [Number(key), decode] as const)),
  );
}

function actionText(bytes: Uint8Array, at: number, end: number, ports: Ports, depth: number): string {
  // What lies deeper is remembered as a part of what is around it.
  if (depth > 0 || end - at > 128) return print(bytes, at, end, ports, depth);
  const map = printed(ports);
  const key = Buffer.from(bytes.buffer, bytes.byteOffset + at, end - at).toString('latin1');
  return map.get(key) ?? keep(map, key, print(bytes, at, end, ports, depth));
}

function print(bytes: Uint8Array, at: number, end: number, ports: Ports, depth: number): string {
  const type = word16(bytes, at);
  if (type !== 0xffff) {
    const decode = standard.get(type);
    if (decode === undefined) throw new OpError('protocol', `unknown action: type ${type}`);
    return decode({ bytes, at, end, ports, depth, nest: actionsText });
  }
  const vendor = word32(bytes, at + 4) >>> 0;
  if (vendor !== 0x2320 || end - at < 16)
    throw new OpError('protocol', `unknown action of experimenter 0x${vendor.toString(16)}, ${end - at} bytes`);
  const subtype = word16(bytes, at + 8);
  const decode = nicira.get(subtype);
  if (decode === undefined) throw new OpError('protocol', `unknown action: Nicira's ${subtype}`);
  return decode({ bytes, at, end, ports, depth, nest: actionsText });
}
