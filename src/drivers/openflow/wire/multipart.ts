// Statistics requests and the parts of their replies (OpenFlow 1.4.1 §7.3.5). Pure: no socket.

import { atLeast, begin, HEAD, type Message, TYPE, type Version, viewOf } from './message.ts';

export const MULTIPART = {
  flow: 1,
  table: 3,
  port: 4,
  meter: 9,
  meterConfig: 10,
  meterFeatures: 11,
  portDescription: 13,
  flowMonitor: 16,
} as const;

/** One part of a reply. Entries don't span parts. */
export type Part = { readonly kind: number; readonly more: boolean; readonly body: Uint8Array };

/** A request of kind `kind` with a body of `length` zero bytes, yours to write from byte REQUEST_BODY on. */
export function beginMultipart(
  version: Version,
  kind: number,
  xid: number,
  length: number,
): { readonly bytes: Uint8Array<ArrayBuffer>; readonly view: DataView } {
  const message = begin(version, TYPE.multipartRequest, xid, REQUEST_BODY + length);
  message.view.setUint16(HEAD, kind);
  return message;
}

export const REQUEST_BODY = HEAD + 8;

/** @throws OpError `protocol` when it is cut. */
export function decodePart({ body }: Message): Part {
  atLeast(body.length, 8, 'a multipart reply');
  const view = viewOf(body);
  return { kind: view.getUint16(0), more: (view.getUint16(2) & MORE) !== 0, body: body.subarray(8) };
}

const MORE = 1;
