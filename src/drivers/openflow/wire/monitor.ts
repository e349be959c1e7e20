// The flow monitor: the switch tells of every change of its flows (OpenFlow 1.4.1 §7.3.5.18). Pure: no socket.

import { ALL_TABLES, ANY, MATCH_HEAD, matchEnds, type RawFlow, writeMatch } from './flow.ts';
import { entryEnd, malformed, padded, viewOf } from './message.ts';
import { beginMultipart, MULTIPART, REQUEST_BODY } from './multipart.ts';

/** A flow as the monitor tells it: without flags and importance. */
export type SeenFlow = Omit<RawFlow, 'flags' | 'importance'>;

/**
 * `initial` flows were there when the monitor began. `abbreviated` stands for a change that this connection's own
 * message `xid` made. Between `paused` and `resumed` the switch couldn't keep up: it says afterwards what was added and
 * modified meanwhile. `reason` is that of a flow removed message (0 idle, 1 hard timeout, 2 deleted, 3 group deleted,
 * 4 meter deleted, 5 evicted).
 */
export type FlowUpdate =
  | { readonly event: 'initial' | 'added' | 'modified'; readonly flow: SeenFlow }
  | { readonly event: 'removed'; readonly flow: SeenFlow; readonly reason: number }
  | { readonly event: 'abbreviated'; readonly xid: number }
  | { readonly event: 'paused' | 'resumed' };

/**
 * What a monitor is told. (OVS 3.1 refuses the standard's flag for own changes in full, in an error of version 0 that
 * nobody can read; `onlyOwn` has no effect there.)
 */
export const MONITOR = { initial: 1, added: 2, removed: 4, modified: 8, instructions: 16, onlyOwn: 64 } as const;

/** Begins monitor `id` of all flows of all tables. */
export function encodeMonitorRequest(xid: number, id: number, flags: number): Uint8Array<ArrayBuffer> {
  return request(xid, id, flags, ADD);
}

/** Ends monitor `id`; the answer is an empty reply. */
export function encodeMonitorCancel(xid: number, id: number): Uint8Array<ArrayBuffer> {
  return request(xid, id, 0, DELETE);
}

/** The updates of one part of a monitor's reply, each given to `take`. @throws OpError `protocol` when it is cut. */
export function decodeUpdates(body: Uint8Array, take: (update: FlowUpdate) => void): void {
  const view = viewOf(body);
  for (let at = 0; at < body.length; ) {
    const end = entryEnd(view, at, 8, 'a flow update');
    take(update(body, view, at, end));
    at = end;
  }
}

/** By number: event 0 is the first. */
const EVENTS = ['initial', 'added', 'removed', 'modified', 'abbreviated', 'paused', 'resumed'] as const;

const ADD = 0;
const DELETE = 2;
const FULL = 24;

function request(xid: number, id: number, flags: number, command: number): Uint8Array<ArrayBuffer> {
  const { bytes, view } = beginMultipart(5, MULTIPART.flowMonitor, xid, 16 + padded(MATCH_HEAD));
  view.setUint32(REQUEST_BODY, id);
  view.setUint32(REQUEST_BODY + 4, ANY);
  view.setUint32(REQUEST_BODY + 8, ANY);
  view.setUint16(REQUEST_BODY + 12, flags);
  view.setUint8(REQUEST_BODY + 14, ALL_TABLES);
  view.setUint8(REQUEST_BODY + 15, command);
  writeMatch(bytes, view, REQUEST_BODY + 16, new Uint8Array());
  return bytes;
}

function update(body: Uint8Array, view: DataView, at: number, end: number): FlowUpdate {
  const event = EVENTS[view.getUint16(at + 2)];
  if (event === undefined) throw malformed(`a flow update of event ${view.getUint16(at + 2)}`);
  if (event === 'abbreviated') return { event, xid: view.getUint32(at + 4) };
  if (event === 'paused' || event === 'resumed') return { event };
  const [fields, rest] = matchEnds(view, at + FULL, end);
  const flow: SeenFlow = {
    cookie: view.getBigUint64(at + 16),
    table: view.getUint8(at + 4),
    priority: view.getUint16(at + 10),
    idleTimeout: view.getUint16(at + 6),
    hardTimeout: view.getUint16(at + 8),
    match: body.subarray(at + FULL + MATCH_HEAD, fields),
    instructions: body.subarray(rest, end),
  };
  return event === 'removed' ? { event, flow, reason: view.getUint8(at + 5) } : { event, flow };
}
