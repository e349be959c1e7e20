// What a switch has: its flows, ports and tables, each by one multipart request (OpenFlow 1.4.1 §7.3.5).

import type { Connection } from './connection.ts';
import { type CountedFlow, decodeCountedFlows, decodeFlows, encodeFlowRequest, type RawFlow } from './wire/flow.ts';
import { malformed, TYPE, type Version } from './wire/message.ts';
import { decodePart, MULTIPART } from './wire/multipart.ts';
import {
  decodePorts,
  decodePortStats,
  encodePortsRequest,
  encodePortStatsRequest,
  type Port,
  type PortStats,
} from './wire/port.ts';
import { decodeTables, encodeTablesRequest, type TableStats } from './wire/table.ts';

/** All flows of all tables, in the switch's order. Their bytes are views of what was read from the socket. */
export async function readFlows(connection: Connection): Promise<readonly RawFlow[]> {
  const flows: RawFlow[] = [];
  await multipart(connection, 'reading the flows', encodeFlowRequest, MULTIPART.flow, (body) =>
    decodeFlows(body, connection.version, (flow) => flows.push(flow)),
  );
  return flows;
}

export async function readCountedFlows(connection: Connection): Promise<readonly CountedFlow[]> {
  const flows: CountedFlow[] = [];
  await multipart(connection, 'reading the flows', encodeFlowRequest, MULTIPART.flow, (body) =>
    decodeCountedFlows(body, connection.version, (flow) => flows.push(flow)),
  );
  return flows;
}

export async function readPorts(connection: Connection): Promise<readonly Port[]> {
  return await list(connection, 'reading the ports', encodePortsRequest, MULTIPART.portDescription, decodePorts);
}

export async function readPortStats(connection: Connection): Promise<readonly PortStats[]> {
  return await list(connection, "reading the ports' counters", encodePortStatsRequest, MULTIPART.port, decodePortStats);
}

/** The tables that have flows or saw packets, or all, as the switch likes. */
export async function readTables(connection: Connection): Promise<readonly TableStats[]> {
  return await list(connection, 'reading the tables', encodeTablesRequest, MULTIPART.table, decodeTables);
}

/** All entries of a reply that `decode` reads from each of its parts. */
export async function list<T>(
  connection: Connection,
  what: string,
  encode: (version: Version, xid: number) => Uint8Array,
  kind: number,
  decode: (body: Uint8Array, version: Version) => readonly T[],
): Promise<readonly T[]> {
  const all: T[] = [];
  await multipart(connection, what, encode, kind, (body) => {
    for (const entry of decode(body, connection.version)) all.push(entry);
  });
  return all;
}

/** Sends a request and gives `take` the body of every part of the reply. */
export async function multipart(
  connection: Connection,
  what: string,
  encode: (version: Version, xid: number) => Uint8Array,
  kind: number,
  take: (body: Uint8Array) => void,
): Promise<void> {
  const first = connection.xids(1);
  await connection.ask({
    what,
    first,
    count: 1,
    chunks: [encode(connection.version, first)],
    take: (message) => {
      const part = message.type === TYPE.multipartReply ? decodePart(message) : null;
      if (part?.kind !== kind) throw malformed(`an answer of type ${message.type} to ${what}`);
      take(part.body);
      return part.more ? undefined : true;
    },
  });
}
