// Flows as the switch has them, and the messages that change and read them (OpenFlow 1.4.1 §7.3.4.1, §7.3.5.2). Pure: no socket.

import {
  atLeast,
  entryEnd,
  fitting,
  HEAD,
  malformed,
  padded,
  TYPE,
  type Version,
  viewOf,
  writeHead,
} from './message.ts';
import { beginMultipart, MULTIPART, REQUEST_BODY } from './multipart.ts';

/**
 * A flow. `match` is its OXM fields, without ofp_match's head and padding; `instructions` are as they stand on the
 * wire. Timeouts are in seconds, 0 for none. OpenFlow 1.3 has no importance: 0.
 */
export type RawFlow = {
  readonly cookie: bigint;
  readonly table: number;
  readonly priority: number;
  readonly idleTimeout: number;
  readonly hardTimeout: number;
  readonly importance: number;
  readonly flags: number;
  readonly match: Uint8Array;
  readonly instructions: Uint8Array;
};

/** A flow and what it has counted; `seconds` is its age. */
export type CountedFlow = {
  readonly flow: RawFlow;
  readonly packets: bigint;
  readonly bytes: bigint;
  readonly seconds: number;
};

/**
 * A change of the table. A strict one takes the flow of the same table, priority and match; another every flow that
 * `match` covers. A modify or delete takes only flows whose cookie is `flow.cookie` in the bits of `cookieMask` (0n
 * unless told: any). A modify of what isn't there does nothing; table 255 in a delete is every table.
 */
export type FlowMod = {
  readonly command: keyof typeof COMMAND;
  readonly flow: RawFlow;
  readonly cookieMask?: bigint;
};

const COMMAND = { add: 0, modify: 1, 'modify-strict': 2, delete: 3, 'delete-strict': 4 } as const;

/** `flags` of a flow. */
export const FLAG = { sendRemoved: 1, checkOverlap: 2, resetCounts: 4, noPacketCounts: 8, noByteCounts: 16 } as const;

/** @throws OpError `protocol` when a number doesn't fit its field. */
export function encodeFlowMod(version: Version, xid: number, mod: FlowMod): Uint8Array<ArrayBuffer> {
  checkFlowMod(mod);
  const bytes = new Uint8Array(flowModLength(mod));
  writeFlowMod(bytes, viewOf(bytes), 0, version, xid, mod);
  return bytes;
}

export function flowModLength({ flow }: FlowMod): number {
  return HEAD + MOD + padded(MATCH_HEAD + flow.match.length) + flow.instructions.length;
}

/** @throws OpError `protocol` when a number doesn't fit its field, or the flow no message. */
export function checkFlowMod(mod: FlowMod): void {
  const { table, priority, idleTimeout, hardTimeout, importance, flags } = mod.flow;
  fitting(table, 8, 'table');
  fitting(priority, 16, 'priority');
  fitting(idleTimeout, 16, 'idle timeout');
  fitting(hardTimeout, 16, 'hard timeout');
  fitting(importance, 16, 'importance');
  fitting(flags, 16, 'flags');
  fitting(flowModLength(mod), 16, 'length');
}

/** Writes the message, checked before, at `at` into bytes that are zero. */
export function writeFlowMod(
  bytes: Uint8Array,
  view: DataView,
  at: number,
  version: Version,
  xid: number,
  mod: FlowMod,
): void {
  const { command, flow, cookieMask } = mod;
  writeHead(view, at, version, TYPE.flowMod, xid, flowModLength(mod));
  view.setBigUint64(at + 8, flow.cookie);
  view.setBigUint64(at + 16, cookieMask ?? 0n);
  view.setUint8(at + 24, flow.table);
  view.setUint8(at + 25, COMMAND[command]);
  view.setUint16(at + 26, flow.idleTimeout);
  view.setUint16(at + 28, flow.hardTimeout);
  view.setUint16(at + 30, flow.priority);
  view.setUint32(at + 32, NO_BUFFER);
  view.setUint32(at + 36, ANY);
  view.setUint32(at + 40, ANY);
  view.setUint16(at + 44, flow.flags);
  if (version >= 5) view.setUint16(at + 46, flow.importance);
  bytes.set(flow.instructions, writeMatch(bytes, view, at + HEAD + MOD, flow.match));
}

/** Asks for all flows of all tables. */
export function encodeFlowRequest(version: Version, xid: number): Uint8Array<ArrayBuffer> {
  const { bytes, view } = beginMultipart(version, MULTIPART.flow, xid, 32 + padded(MATCH_HEAD));
  view.setUint8(REQUEST_BODY, ALL_TABLES);
  view.setUint32(REQUEST_BODY + 4, ANY);
  view.setUint32(REQUEST_BODY + 8, ANY);
  writeMatch(bytes, view, REQUEST_BODY + 32, new Uint8Array());
  return bytes;
}

/** The flows of one part of the reply, each given to `take`, and views of it. @throws OpError `protocol` when it is cut. */
export function decodeFlows(body: Uint8Array, version: Version, take: (flow: RawFlow) => void): void {
  eachFlow(body, version, (flow) => take(flow));
}

export function sameFlow(a: RawFlow, b: RawFlow): boolean {
  return (
    a.cookie === b.cookie &&
    a.table === b.table &&
    a.priority === b.priority &&
    a.idleTimeout === b.idleTimeout &&
    a.hardTimeout === b.hardTimeout &&
    a.importance === b.importance &&
    a.flags === b.flags &&
    Buffer.compare(a.match, b.match) === 0 &&
    Buffer.compare(a.instructions, b.instructions) === 0
  );
}

/** The same with what the flows have counted. */
export function decodeCountedFlows(body: Uint8Array, version: Version, take: (flow: CountedFlow) => void): void {
  eachFlow(body, version, (flow, view, at) =>
    take({
      flow,
      packets: view.getBigUint64(at + 32),
      bytes: view.getBigUint64(at + 40),
      seconds: view.getUint32(at + 4) + view.getUint32(at + 8) / 1e9,
    }),
  );
}

/**
 * Where the match that begins at `at` ends and what comes behind it begins; `end` is the end of both.
 * @throws OpError `protocol` when it is no match of OXM fields, or goes beyond `end`.
 */
export function matchEnds(view: DataView, at: number, end: number): readonly [fields: number, rest: number] {
  atLeast(end - at, MATCH_HEAD, 'a match');
  const length = view.getUint16(at + 2);
  if (view.getUint16(at) !== OXM || length < MATCH_HEAD || at + padded(length) > end)
    throw malformed(`a match of type ${view.getUint16(at)} and ${length} bytes, ${end - at} at most`);
  return [at + length, at + padded(length)];
}

/** @returns where what follows the match begins. */
export function writeMatch(bytes: Uint8Array, view: DataView, at: number, match: Uint8Array): number {
  view.setUint16(at, OXM);
  view.setUint16(at + 2, MATCH_HEAD + match.length);
  bytes.set(match, at + MATCH_HEAD);
  return at + padded(MATCH_HEAD + match.length);
}

export const MATCH_HEAD = 4;

/** Any port and any group: a delete doesn't ask what a flow's output is. */
export const ANY = 0xffffffff;
export const ALL_TABLES = 0xff;

const OXM = 1;
const NO_BUFFER = 0xffffffff;

/** A flow_mod, and an entry of the statistics, between their heads and the match. */
const MOD = 40;
const ENTRY = 48;

function eachFlow(body: Uint8Array, version: Version, take: (flow: RawFlow, view: DataView, at: number) => void): void {
  const view = viewOf(body);
  for (let at = 0; at < body.length; ) {
    const end = entryEnd(view, at, ENTRY + padded(MATCH_HEAD), 'a flow');
    const [fields, rest] = matchEnds(view, at + ENTRY, end);
    const flow: RawFlow = {
      cookie: view.getBigUint64(at + 24),
      table: view.getUint8(at + 2),
      priority: view.getUint16(at + 12),
      idleTimeout: view.getUint16(at + 14),
      hardTimeout: view.getUint16(at + 16),
      importance: version >= 5 ? view.getUint16(at + 20) : 0,
      flags: view.getUint16(at + 18),
      match: body.subarray(at + ENTRY + MATCH_HEAD, fields),
      instructions: body.subarray(rest, end),
    };
    take(flow, view, at);
    at = end;
  }
}
