// The head of every OpenFlow message, and how its bytes are written and read (OpenFlow 1.4.1 §7.1). Pure: no socket.

import { OpError } from '../../../error.ts';

/** A version on the wire that this client speaks: 4 is OpenFlow 1.3, 5 is OpenFlow 1.4. */
export type Version = 4 | 5;

/** One message; `body` is what follows the eight bytes of its head. */
export type Message = {
  readonly version: number;
  readonly type: number;
  readonly xid: number;
  readonly body: Uint8Array;
};

/** Message types, the same in 1.3 and 1.4; the bundle types are of 1.4. */
export const TYPE = {
  hello: 0,
  error: 1,
  echoRequest: 2,
  echoReply: 3,
  experimenter: 4,
  packetIn: 10,
  portStatus: 12,
  flowMod: 14,
  multipartRequest: 18,
  multipartReply: 19,
  barrierRequest: 20,
  barrierReply: 21,
  setAsync: 28,
  meterMod: 29,
  bundleControl: 33,
  bundleAdd: 34,
} as const;

export const HEAD = 8;

/** The longest message: its length is 16 bits. */
const LONGEST = 0xffff;

/** The Open Networking Foundation's number, which its extensions of 1.3 carry. */
export const ONF = 0x4f4e4600;

/** A message of `length` bytes in all: its head is written, the rest is zero and yours to write by `view`. */
export function begin(
  version: number,
  type: number,
  xid: number,
  length: number,
): { readonly bytes: Uint8Array<ArrayBuffer>; readonly view: DataView } {
  const bytes = new Uint8Array(length);
  const view = viewOf(bytes);
  writeHead(view, 0, version, type, xid, length);
  return { bytes, view };
}

/** A message of a head and `body`: echo, barrier, what tests make up. */
export function encodeMessage({ version, type, xid, body }: Message): Uint8Array {
  const { bytes } = begin(version, type, xid, HEAD + body.length);
  bytes.set(body, HEAD);
  return bytes;
}

/** @throws OpError `protocol` when a message of `length` bytes is too long for its 16-bit length. */
export function writeHead(
  view: DataView,
  at: number,
  version: number,
  type: number,
  xid: number,
  length: number,
): void {
  if (length > LONGEST) throw new OpError('protocol', `a message of ${length} bytes, more than OpenFlow can say`);
  view.setUint8(at, version);
  view.setUint8(at + 1, type);
  view.setUint16(at + 2, length);
  view.setUint32(at + 4, xid);
}

export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}

/** `length` and what fills it up to a multiple of eight. */
export function padded(length: number): number {
  return (length + 7) & ~7;
}

/** @throws OpError `protocol` when `have` bytes are fewer than `want`. */
export function atLeast(have: number, want: number, what: string): void {
  if (have < want) throw malformed(`${what} of ${have} bytes, ${want} at least`);
}

/**
 * The end of the entry at `at`, whose own length stands in its first two bytes.
 * @throws OpError `protocol` when that is less than `least` or more than there is.
 */
export function entryEnd(view: DataView, at: number, least: number, what: string): number {
  atLeast(view.byteLength - at, least, what);
  const length = view.getUint16(at);
  if (length < least || at + length > view.byteLength)
    throw malformed(`${what} that says it has ${length} bytes, of ${least} to ${view.byteLength - at}`);
  return at + length;
}

/** `value` as an unsigned number of `bits` bits. @throws OpError `protocol` when it isn't one: it would be cut. */
export function fitting(value: number, bits: 8 | 16 | 32, what: string): number {
  if (!Number.isInteger(value) || value < 0 || value >= 2 ** bits)
    throw new OpError('protocol', `${what} ${value} is no number of ${bits} bits`);
  return value;
}

export function malformed(what: string): OpError {
  return new OpError('protocol', `the switch sent ${what}`);
}
