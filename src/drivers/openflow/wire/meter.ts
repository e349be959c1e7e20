// Meters: rate limits that flows point to (OpenFlow 1.4.1 §7.3.4.5, §7.3.5.12 to 14). Pure: no socket.

import { atLeast, begin, entryEnd, fitting, HEAD, malformed, TYPE, type Version, viewOf } from './message.ts';
import { beginMultipart, MULTIPART, REQUEST_BODY } from './multipart.ts';

/** A limit: packets (or kilobits) a second, and as many at once as `burst` says. What is more is dropped. */
type Band = { readonly rate: number; readonly burst: number };

export type Meter = {
  readonly id: number;
  readonly unit: 'pktps' | 'kbps';
  /** Whether the bands' `burst` counts; without it a switch takes one of its own. */
  readonly burst: boolean;
  readonly stats: boolean;
  readonly bands: readonly Band[];
};

/** What a meter has counted; a band, what it has dropped. `flows` point to the meter: 0 when a switch doesn't know. */
export type MeterStats = {
  readonly id: number;
  readonly flows: number;
  readonly packets: bigint;
  readonly bytes: bigint;
  readonly seconds: number;
  readonly bands: readonly { readonly packets: bigint; readonly bytes: bigint }[];
};

/** What the switch can do; `bandTypes` and `capabilities` are bits (`1 << type`; flags). */
export type MeterFeatures = {
  readonly maxMeter: number;
  readonly bandTypes: number;
  readonly capabilities: number;
  readonly maxBands: number;
  readonly maxColor: number;
};

const ALL_METERS = 0xffffffff;

/** Adds or modifies a meter. */
export function encodeMeterMod(
  version: Version,
  xid: number,
  command: 'add' | 'modify',
  { id, unit, burst, stats, bands }: Meter,
): Uint8Array<ArrayBuffer> {
  const { bytes, view } = begin(version, TYPE.meterMod, xid, HEAD + 8 + bands.length * BAND);
  view.setUint16(HEAD, COMMAND[command]);
  view.setUint16(HEAD + 2, UNIT[unit] | (burst ? BURST : 0) | (stats ? STATS : 0));
  view.setUint32(HEAD + 4, fitting(id, 32, 'meter'));
  for (const [index, band] of bands.entries()) {
    const at = HEAD + 8 + index * BAND;
    view.setUint16(at, DROP);
    view.setUint16(at + 2, BAND);
    view.setUint32(at + 4, fitting(band.rate, 32, 'rate'));
    view.setUint32(at + 8, fitting(band.burst, 32, 'burst'));
  }
  return bytes;
}

/** Deletes a meter, **and every flow that points to it**. */
export function encodeMeterDelete(version: Version, xid: number, id: number): Uint8Array<ArrayBuffer> {
  const { bytes, view } = begin(version, TYPE.meterMod, xid, HEAD + 8);
  view.setUint16(HEAD, COMMAND.delete);
  view.setUint32(HEAD + 4, fitting(id, 32, 'meter'));
  return bytes;
}

/** Asks for the meters, for what they have counted, or for what the switch can do. */
export function encodeMeterRequest(
  version: Version,
  kind: 'meter' | 'meterConfig' | 'meterFeatures',
  xid: number,
  id: number = ALL_METERS,
): Uint8Array<ArrayBuffer> {
  if (kind === 'meterFeatures') return beginMultipart(version, MULTIPART[kind], xid, 0).bytes;
  const { bytes, view } = beginMultipart(version, MULTIPART[kind], xid, 8);
  view.setUint32(REQUEST_BODY, id);
  return bytes;
}

/** @throws OpError `protocol` when it is cut, or for a band that isn't of type drop. */
export function decodeMeters(body: Uint8Array): readonly Meter[] {
  const view = viewOf(body);
  const meters: Meter[] = [];
  for (let at = 0; at < body.length; ) {
    const end = entryEnd(view, at, 8, 'a meter');
    const flags = view.getUint16(at + 2);
    const bands: Band[] = [];
    for (let band = at + 8; band < end; band += BAND) {
      atLeast(end - band, BAND, 'a band');
      if (view.getUint16(band) !== DROP || view.getUint16(band + 2) !== BAND)
        throw malformed(`a band of type ${view.getUint16(band)} and ${view.getUint16(band + 2)} bytes`);
      bands.push({ rate: view.getUint32(band + 4), burst: view.getUint32(band + 8) });
    }
    meters.push({
      id: view.getUint32(at + 4),
      unit: (flags & UNIT.pktps) === 0 ? 'kbps' : 'pktps',
      burst: (flags & BURST) !== 0,
      stats: (flags & STATS) !== 0,
      bands,
    });
    at = end;
  }
  return meters;
}

/** @throws OpError `protocol` when it is cut. */
export function decodeMeterStats(body: Uint8Array): readonly MeterStats[] {
  const view = viewOf(body);
  const meters: MeterStats[] = [];
  for (let at = 0; at < body.length; ) {
    atLeast(body.length - at, COUNTS, "a meter's counters");
    const length = view.getUint16(at + 4);
    if (length < COUNTS || (length - COUNTS) % 16 !== 0 || at + length > body.length)
      throw malformed(`a meter's counters of ${length} bytes`);
    const bands = [];
    for (let band = at + COUNTS; band < at + length; band += 16)
      bands.push({ packets: view.getBigUint64(band), bytes: view.getBigUint64(band + 8) });
    meters.push({
      id: view.getUint32(at),
      flows: view.getUint32(at + 12),
      packets: view.getBigUint64(at + 16),
      bytes: view.getBigUint64(at + 24),
      seconds: view.getUint32(at + 32) + view.getUint32(at + 36) / 1e9,
      bands,
    });
    at += length;
  }
  return meters;
}

/** @throws OpError `protocol` when it is cut. */
export function decodeMeterFeatures(body: Uint8Array): MeterFeatures {
  atLeast(body.length, 16, "the meters' features");
  const view = viewOf(body);
  return {
    maxMeter: view.getUint32(0),
    bandTypes: view.getUint32(4),
    capabilities: view.getUint32(8),
    maxBands: view.getUint8(12),
    maxColor: view.getUint8(13),
  };
}

const COMMAND = { add: 0, modify: 1, delete: 2 } as const;
const UNIT = { kbps: 1, pktps: 2 } as const;
const BURST = 4;
const STATS = 8;
const DROP = 1;
const BAND = 16;
const COUNTS = 40;
