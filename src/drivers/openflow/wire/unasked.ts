// Which messages a switch sends unasked (OpenFlow 1.4.1 §7.3.10, 1.3.5 §7.3.10). Pure: no socket.

import { begin, HEAD, TYPE, type Version } from './message.ts';

/**
 * Lets the switch tell of ports, and of nothing else. On a connection to its `.mgmt` socket it tells nothing until then.
 * No answer.
 */
export function encodePortWatch(version: Version, xid: number): Uint8Array<ArrayBuffer> {
  const async = begin(version, TYPE.setAsync, xid, HEAD + (version >= 5 ? PROPERTIES.length * 8 : 24));
  if (version >= 5)
    for (const [type, reasons] of PROPERTIES.entries()) {
      async.view.setUint16(HEAD + type * 8, type);
      async.view.setUint16(HEAD + type * 8 + 2, 8);
      async.view.setUint32(HEAD + type * 8 + 4, reasons);
    }
  // Packets, ports, removed flows, each for a controller that may write and for one that mayn't.
  else for (const at of [8, 12]) async.view.setUint32(HEAD + at, ALL_PORT_REASONS);
  return async.bytes;
}

const ALL_PORT_REASONS = 7;

/** By type: packets, ports, removed flows, each for a controller that mayn't write and for one that may. */
const PROPERTIES = [0, 0, ALL_PORT_REASONS, ALL_PORT_REASONS, 0, 0] as const;
