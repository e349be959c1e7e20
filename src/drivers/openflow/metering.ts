// Meters of a switch: made before the flows that point to them, deleted after (OpenFlow 1.4.1 §6.8).

import { OpError } from '../../error.ts';
import type { Connection } from './connection.ts';
import { fenced } from './fence.ts';
import { list, multipart } from './read.ts';
import { malformed, type Version } from './wire/message.ts';
import {
  decodeMeterFeatures,
  decodeMeters,
  decodeMeterStats,
  encodeMeterDelete,
  encodeMeterMod,
  encodeMeterRequest,
  type Meter,
  type MeterFeatures,
  type MeterStats,
} from './wire/meter.ts';
import { MULTIPART } from './wire/multipart.ts';

/** By id. */
export async function readMeters(connection: Connection): Promise<readonly Meter[]> {
  const encode = (version: Version, xid: number): Uint8Array => encodeMeterRequest(version, 'meterConfig', xid);
  return sorted(await list(connection, 'reading the meters', encode, MULTIPART.meterConfig, decodeMeters));
}

/** By id. */
export async function readMeterStats(connection: Connection): Promise<readonly MeterStats[]> {
  const encode = (version: Version, xid: number): Uint8Array => encodeMeterRequest(version, 'meter', xid);
  return sorted(await list(connection, "reading the meters' counters", encode, MULTIPART.meter, decodeMeterStats));
}

export async function readMeterFeatures(connection: Connection): Promise<MeterFeatures> {
  const encode = (version: Version, xid: number): Uint8Array => encodeMeterRequest(version, 'meterFeatures', xid);
  let features: MeterFeatures | undefined;
  await multipart(connection, 'reading what meters can do', encode, MULTIPART.meterFeatures, (body) => {
    features = decodeMeterFeatures(body);
  });
  if (features === undefined) throw malformed('no features of its meters');
  return features;
}

/**
 * Makes the meters be as `wanted`, and leaves those that aren't named. One that is there already as wanted isn't
 * touched, so it keeps its tokens and counters. Meters are no part of a bundle: on an error those before the refused
 * one are made.
 * @throws OpError `protocol` that names the meter that the switch refuses.
 */
export async function putMeters(connection: Connection, wanted: readonly Meter[]): Promise<void> {
  if (wanted.length === 0) return;
  const found = new Map((await readMeters(connection)).map((meter) => [meter.id, JSON.stringify(canonical(meter))]));
  const stale = wanted.filter((meter) => found.get(meter.id) !== JSON.stringify(canonical(meter)));
  await change(connection, stale, 'making', (meter, xid) =>
    encodeMeterMod(connection.version, xid, found.has(meter.id) ? 'modify' : 'add', meter),
  );
}

/**
 * Deletes meters by id; quiet about one that is absent. The switch deletes the flows that point to a meter with it, so
 * commit first what frees them.
 * @throws OpError `foreign` when a flow still points to one of them: none is deleted.
 */
export async function removeMeters(connection: Connection, ids: readonly number[]): Promise<void> {
  if (ids.length === 0) return;
  const found = (await readMeterStats(connection)).filter(({ id }) => ids.includes(id));
  const used = found.find(({ flows }) => flows > 0);
  if (used !== undefined)
    throw new OpError('foreign', `meter ${used.id} is used by ${used.flows} flows, which would go with it`);
  await change(connection, found, 'deleting', ({ id }, xid) => encodeMeterDelete(connection.version, xid, id));
}

/** Sends one message a meter. */
async function change<T extends { readonly id: number }>(
  connection: Connection,
  meters: readonly T[],
  gerund: string,
  encode: (meter: T, xid: number) => Uint8Array,
): Promise<void> {
  if (meters.length === 0) return;
  const first = connection.xids(meters.length + 1);
  const messages = meters.map((meter, index) => encode(meter, first + index));
  const [blame] = await fenced(connection, `${gerund} meters`, first, messages, messages.length);
  if (blame === undefined) return;
  throw new OpError('protocol', `${gerund} meter ${meters[blame.index]?.id}: the switch refused: ${blame.name}`);
}

/** The switch gives them in the order of a hash table. */
function sorted<T extends { readonly id: number }>(meters: readonly T[]): readonly T[] {
  return meters.toSorted((a, b) => a.id - b.id);
}

/** What two equal meters have in common: a burst that doesn't count isn't compared. */
function canonical({ id, unit, burst, stats, bands }: Meter): unknown {
  return [id, unit, burst, stats, bands.map((band) => [band.rate, burst ? band.burst : 0])];
}
