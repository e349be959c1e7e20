// Actions that send a packet somewhere: to ports, groups, queues, controllers and tables (ovs-actions(7)).

import { OpError } from '../../../error.ts';
import { word16, word32 } from './header.ts';
import { parseSmall } from './number.ts';
import { CONTROLLER, IN_PORT, port16, port32, portNumber, portText } from './port.ts';
import {
  atLeast,
  bytesText,
  close,
  type Decode,
  type Encode,
  open,
  pair,
  parseBytes,
  putShort,
  simple,
  span,
  spanText,
  split,
} from './scope.ts';
import { parseSubfield } from './subfield.ts';
import type { Ports } from './port.ts';
import type { Writer } from './writer.ts';

export const outputs: Readonly<Record<string, Encode>> = {
  output: (writer, arg, { ports }) => {
    if (arg.includes('max_len=')) return truncated(writer, arg, ports);
    const port = portNumber(arg, ports);
    if (port !== undefined) return putOutput(writer, port, port === CONTROLLER ? 0xffff : 0);
    if (!/\[|^[A-Z]+_|^x*reg\d/.test(arg)) throw new OpError('state', `${arg}: unknown port`);
    const part = parseSubfield(arg);
    const at = open(writer, 15);
    writer.number(span(part), 2);
    putShort(writer, part);
    writer.number(0xffff, 2);
    close(writer, at, 24);
  },
  controller,
  enqueue: (writer, arg, { ports }) => {
    const found = /^(.+)[:,](\d+|0x[\da-f]+)$/i.exec(arg);
    if (found === null) throw new OpError('state', `${arg} is not PORT:QUEUE`);
    simple(writer, 21, 8, parseSmall(found[2] ?? '', 0xffffffff), 4);
    putOutput(writer, known(found[1] ?? '', ports), 0xffff);
    close(writer, open(writer, 5), 16);
  },
  set_queue: (writer, arg) => simple(writer, 21, 8, parseSmall(arg, 0xffffffff), 4),
  pop_queue: (writer) => close(writer, open(writer, 5), 16),
  group: (writer, arg) => simple(writer, 22, 8, parseSmall(arg, 0xffffffff), 4),
  resubmit: (writer, arg, { ports }) => {
    const [port = '', table = '', ct = '', more] = arg.split(',');
    if (more !== undefined || (ct !== '' && ct !== 'ct')) throw new OpError('state', `${arg} is not PORT,TABLE,ct`);
    if (port === '' && table === '') throw new OpError('state', 'a port or a table is needed');
    const at = open(writer, ct === '' ? 14 : 44);
    writer.number(port16(port === '' ? IN_PORT : known(port, ports)), 2);
    writer.number(table === '' ? 255 : parseSmall(table, 254), 1);
    close(writer, at, 16);
  },
};

/** By type of OpenFlow 1.4. */
export const standardOutputs: Readonly<Record<number, Decode>> = {
  0: (place) => {
    atLeast(place, 'output', 16);
    const { bytes, at, ports } = place;
    const port = word32(bytes, at + 4) >>> 0;
    if (port === CONTROLLER) return `CONTROLLER:${word16(bytes, at + 8)}`;
    const text = portText(port, ports);
    return port < 0xff00 ? `output:${text}` : text;
  },
  21: (place) => `set_queue:${numberOf(place)}`,
  22: (place) => `group:${numberOf(place)}`,
};

/** By Nicira's subtype. */
export const niciraOutputs: Readonly<Record<number, Decode>> = {
  1: ({ bytes, at, ports }) => `resubmit:${portText(port32(word16(bytes, at + 10)), ports)}`,
  5: () => 'pop_queue',
  14: (place) => resubmitText(place, ''),
  15: (place) => {
    atLeast(place, 'output', 24);
    return `output:${spanText(place, place.at + 12, place.at + 10)}`;
  },
  20: ({ bytes, at }) => {
    const [length, id, reason] = [word16(bytes, at + 10), word16(bytes, at + 12), bytes[at + 14] ?? 0];
    return controllerText({ length, id, reason, userdata: '', pause: false, meter: NO_METER });
  },
  37: controller2Text,
  39: ({ bytes, at, ports }) =>
    `output(port=${portText(port32(word16(bytes, at + 10)), ports)},max_len=${word32(bytes, at + 12) >>> 0})`,
  44: (place) => resubmitText(place, ',ct'),
};

const NO_METER = 0xffffffff;
const reasons: readonly string[] = ['no_match', 'action', 'invalid_ttl', 'action_set', 'group', 'packet_out'];
const ACTION = 1;

type Controller = {
  length: number;
  id: number;
  reason: number;
  userdata: string;
  pause: boolean;
  meter: number;
};

/** Writes an output to a port. */
export function putOutput(writer: Writer, port: number, length: number): void {
  const at = writer.length;
  writer.number(0, 2);
  writer.number(16, 2);
  writer.number(port, 4);
  writer.number(length, 2);
  while (writer.length - at < 16) writer.number(0, 1);
}

function known(text: string, ports: Ports): number {
  const port = portNumber(text, ports);
  if (port === undefined) throw new OpError('state', `${text}: unknown port`);
  return port;
}

function truncated(writer: Writer, arg: string, ports: Ports): void {
  const words = new Map(split(arg).map(pair));
  const at = open(writer, 39);
  writer.number(port16(known(words.get('port') ?? '', ports)), 2);
  writer.number(parseSmall(words.get('max_len') ?? '', 0xffffffff), 4);
  close(writer, at);
}

function controller(writer: Writer, arg: string): void {
  const read = readController(arg);
  const { length, id, reason, userdata, pause, meter } = read;
  if (reason === ACTION && id === 0 && userdata === '' && !pause && meter === NO_METER)
    return putOutput(writer, CONTROLLER, length);
  if (userdata === '' && !pause && meter === NO_METER) {
    const at = open(writer, 20);
    writer.number(length, 2);
    writer.number(id, 2);
    writer.number(reason, 1);
    return close(writer, at);
  }
  const at = open(writer, 37);
  writer.number(0, 6);
  const property = (type: number, data: Uint8Array): void => {
    const from = writer.length;
    writer.number(type, 2);
    writer.number(4 + data.length, 2);
    writer.put(data);
    writer.pad(from);
  };
  if (length !== 0xffff) property(0, Uint8Array.of(length >> 8, length & 255, 0, 0));
  if (id !== 0) property(1, Uint8Array.of(id >> 8, id & 255, 0, 0));
  if (reason !== ACTION) property(2, Uint8Array.of(reason, 0, 0, 0));
  if (userdata !== '') property(3, parseBytes(userdata));
  if (pause) property(4, new Uint8Array(0));
  if (meter !== NO_METER)
    property(5, Uint8Array.of(meter >>> 24, (meter >>> 16) & 255, (meter >>> 8) & 255, meter & 255));
  close(writer, at);
}

function readController(arg: string): Controller {
  const result: Controller = { length: 0xffff, id: 0, reason: ACTION, userdata: '', pause: false, meter: NO_METER };
  if (/^\d+$/.test(arg)) return { ...result, length: parseSmall(arg, 0xffff) };
  for (const [key, value] of split(arg).map(pair)) {
    if (key === 'reason') result.reason = reasonOf(value);
    else if (key === 'max_len') result.length = parseSmall(value, 0xffff);
    else if (key === 'id') result.id = parseSmall(value, 0xffff);
    else if (key === 'userdata') result.userdata = value;
    else if (key === 'pause') result.pause = true;
    else if (key === 'meter_id') result.meter = parseSmall(value, NO_METER);
    else throw new OpError('state', `${key}: no such option of controller`);
  }
  return result;
}

function reasonOf(text: string): number {
  const index = reasons.indexOf(text);
  if (index < 0) throw new OpError('state', `${text} is not one of ${reasons.join(', ')}`);
  return index;
}

function controllerText({ length, id, reason, userdata, pause, meter }: Controller): string {
  if (reason === ACTION && id === 0 && userdata === '' && !pause && meter === NO_METER) return `CONTROLLER:${length}`;
  const words = [
    ...(reason === ACTION ? [] : [`reason=${reasons[reason] ?? reason}`]),
    ...(length === 0xffff ? [] : [`max_len=${length}`]),
    ...(id === 0 ? [] : [`id=${id}`]),
    ...(userdata === '' ? [] : [`userdata=${userdata}`]),
    ...(pause ? ['pause'] : []),
    ...(meter === NO_METER ? [] : [`meter_id=${meter}`]),
  ];
  return `controller(${words.join(',')})`;
}

function controller2Text(place: Parameters<Decode>[0]): string {
  const { bytes, end } = place;
  const result: Controller = { length: 0xffff, id: 0, reason: ACTION, userdata: '', pause: false, meter: NO_METER };
  let at = place.at + 16;
  while (at + 4 <= end) {
    const [type, size] = [word16(bytes, at), word16(bytes, at + 2)];
    if (size < 4 || at + size > end) throw new OpError('protocol', `a property of controller of ${size} bytes`);
    if (type === 0) result.length = word16(bytes, at + 4);
    else if (type === 1) result.id = word16(bytes, at + 4);
    else if (type === 2) result.reason = bytes[at + 4] ?? 0;
    else if (type === 3) result.userdata = bytesText(bytes, at + 4, at + size);
    else if (type === 4) result.pause = true;
    else if (type === 5) result.meter = word32(bytes, at + 4) >>> 0;
    else throw new OpError('protocol', `unknown property ${type} of controller`);
    at += (size + 7) & ~7;
  }
  return controllerText(result);
}

function resubmitText({ bytes, at, ports }: Parameters<Decode>[0], ct: string): string {
  const port = port32(word16(bytes, at + 10));
  const table = bytes[at + 12] ?? 0;
  if (port !== IN_PORT && table === 255) return `resubmit:${portText(port, ports)}`;
  return `resubmit(${port === IN_PORT ? '' : portText(port, ports)},${table === 255 ? '' : table}${ct})`;
}

function numberOf({ bytes, at }: Parameters<Decode>[0]): number {
  return word32(bytes, at + 4) >>> 0;
}
