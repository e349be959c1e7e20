// Ports: what there is, what changes, what they have counted (OpenFlow 1.4.1 §7.2.1, §7.3.5.7 and 8, §7.4.3; 1.3.5 §7.2.1). Pure: no socket.

import { ANY } from './flow.ts';
import { atLeast, entryEnd, malformed, type Message, type Version, viewOf } from './message.ts';
import { beginMultipart, MULTIPART, REQUEST_BODY } from './multipart.ts';

/** The bridge's own port is 0xfffffffe and has the bridge's name. `mac` is like `02:0a:00:00:01:64`. */
export type Port = {
  readonly number: number;
  readonly name: string;
  readonly mac: string;
  /** Administratively down; and without a link. */
  readonly down: boolean;
  readonly unlinked: boolean;
};

export type PortChange = { readonly event: 'added' | 'deleted' | 'modified'; readonly port: Port };

export type PortStats = {
  readonly number: number;
  readonly received: Traffic;
  readonly sent: Traffic;
};

/** What a switch doesn't count is 2⁶⁴−1. */
type Traffic = {
  readonly packets: bigint;
  readonly bytes: bigint;
  readonly dropped: bigint;
  readonly errors: bigint;
};

export function encodePortsRequest(version: Version, xid: number): Uint8Array<ArrayBuffer> {
  return beginMultipart(version, MULTIPART.portDescription, xid, 0).bytes;
}

/** Asks for what all ports have counted. */
export function encodePortStatsRequest(version: Version, xid: number): Uint8Array<ArrayBuffer> {
  const { bytes, view } = beginMultipart(version, MULTIPART.port, xid, 8);
  view.setUint32(REQUEST_BODY, ANY);
  return bytes;
}

/** @throws OpError `protocol` when it is cut. */
export function decodePorts(body: Uint8Array, version: Version): readonly Port[] {
  const view = viewOf(body);
  const ports: Port[] = [];
  for (let at = 0; at < body.length; ) {
    const end = portEnd(view, at, version);
    ports.push(portAt(body, view, at));
    at = end;
  }
  return ports;
}

/** The change that a port status message tells. @throws OpError `protocol` when it is none. */
export function decodePortStatus({ body }: Message, version: Version): PortChange {
  atLeast(body.length, 8, 'a port status');
  const event = EVENTS[body[0] ?? 0];
  if (event === undefined) throw malformed(`a port status for reason ${body[0]}`);
  const view = viewOf(body);
  portEnd(view, 8, version);
  return { event, port: portAt(body, view, 8) };
}

/** @throws OpError `protocol` when it is cut. */
export function decodePortStats(body: Uint8Array, version: Version): readonly PortStats[] {
  const view = viewOf(body);
  const ports: PortStats[] = [];
  for (let at = 0; at < body.length; ) {
    if (version < 5) atLeast(body.length - at, STATS_13, "a port's counters");
    const end = version >= 5 ? entryEnd(view, at, STATS_14, "a port's counters") : at + STATS_13;
    const counters = version >= 5 ? at + 16 : at + 8;
    const traffic = (side: 0 | 1): Traffic => ({
      packets: view.getBigUint64(counters + side * 8),
      bytes: view.getBigUint64(counters + 16 + side * 8),
      dropped: view.getBigUint64(counters + 32 + side * 8),
      errors: view.getBigUint64(counters + 48 + side * 8),
    });
    ports.push({ number: view.getUint32(version >= 5 ? at + 4 : at), received: traffic(0), sent: traffic(1) });
    at = end;
  }
  return ports;
}

const EVENTS = ['added', 'deleted', 'modified'] as const;
const PORT_13 = 64;
const PORT_14 = 40;
const STATS_13 = 112;
const STATS_14 = 80;
const NAME = 16;

function portEnd(view: DataView, at: number, version: Version): number {
  if (version < 5) {
    atLeast(view.byteLength - at, PORT_13, 'a port');
    return at + PORT_13;
  }
  atLeast(view.byteLength - at, PORT_14, 'a port');
  const length = view.getUint16(at + 4);
  if (length < PORT_14 || at + length > view.byteLength) throw malformed(`a port of ${length} bytes`);
  return at + length;
}

function portAt(body: Uint8Array, view: DataView, at: number): Port {
  const mac = Array.from(body.subarray(at + 8, at + 14), (byte) => byte.toString(16).padStart(2, '0')).join(':');
  const name = body.subarray(at + 16, at + 16 + NAME);
  const zero = name.indexOf(0);
  const flags = at + 16 + NAME;
  return {
    number: view.getUint32(at),
    name: new TextDecoder().decode(zero < 0 ? name : name.subarray(0, zero)),
    mac,
    down: (view.getUint32(flags) & 1) !== 0,
    unlinked: (view.getUint32(flags + 4) & 1) !== 0,
  };
}
