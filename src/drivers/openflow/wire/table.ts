// Tables: how many flows each has and what passed (OpenFlow 1.4.1 §7.3.5.4). Pure: no socket.

import { atLeast, type Version, viewOf } from './message.ts';
import { beginMultipart, MULTIPART } from './multipart.ts';

/** `active` flows are in the table; `lookups` packets came to it and `matched` of them met a flow. */
export type TableStats = {
  readonly table: number;
  readonly active: number;
  readonly lookups: bigint;
  readonly matched: bigint;
};

export function encodeTablesRequest(version: Version, xid: number): Uint8Array<ArrayBuffer> {
  return beginMultipart(version, MULTIPART.table, xid, 0).bytes;
}

/** @throws OpError `protocol` when it is cut. */
export function decodeTables(body: Uint8Array): readonly TableStats[] {
  const view = viewOf(body);
  const tables: TableStats[] = [];
  for (let at = 0; at < body.length; at += ENTRY) {
    atLeast(body.length - at, ENTRY, "a table's counters");
    tables.push({
      table: view.getUint8(at),
      active: view.getUint32(at + 4),
      lookups: view.getBigUint64(at + 8),
      matched: view.getBigUint64(at + 16),
    });
  }
  return tables;
}

const ENTRY = 24;
