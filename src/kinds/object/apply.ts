// Sets properties, each noted on disk with its value of before first, and gives those values back.

import type { Change } from '../../core/resource.ts';
import type { Bus, Value } from '../../drivers/dbus/contract.ts';
import { fromJson, toJson } from '../../drivers/dbus/json.ts';
import { typeOf } from '../../drivers/dbus/signature.ts';
import { misfit } from '../../drivers/dbus/value.ts';
import type { Host } from '../../drivers/host.ts';
import { doing, OpError } from '../../error.ts';
import { writeKept } from '../kept.ts';
import { entries, type Entry } from './entry.ts';
import { isSame, readProperty } from './observe.ts';
import type { Spec } from './schema.ts';

export async function apply(host: Host, batch: readonly Change<Spec>[]): Promise<void> {
  const bus = await host.dbus.system();
  for (const { name, after } of batch)
    await doing(name, () => (after === null ? restore(host, bus, name) : put(host, bus, name, after)));
}

async function put(host: Host, bus: Bus, name: string, { value, ...where }: Spec): Promise<void> {
  // What could not be read when it was seen can't be restored.
  if (value === null) return;
  const live = await readProperty(bus, where);
  if (live === null) throw new OpError('host', 'the property can no longer be read');
  const { signature } = live;
  const noted = (await entries(host))[name];
  const before = noted?.before ?? toJson(typeOf(signature), live.value);
  const entry: Entry = { ...where, ours: [...(noted?.ours ?? []), value], before, signature };
  await writeKept(host, 'object', name, entry);
  if (!isSame(live, value)) await set(bus, where, signature, value);
  await writeKept(host, 'object', name, { ...entry, ours: [value] });
}

/** A value that is not the one we set is somebody else's decision, and stays; so does one that is gone with its service. */
async function restore(host: Host, bus: Bus, name: string): Promise<void> {
  const entry = (await entries(host))[name];
  if (entry === undefined) return;
  const { ours, before, signature, ...where } = entry;
  const live = await readProperty(bus, where);
  if (live?.signature === signature && ours.some((one) => isSame(live, one)) && !isSame(live, before))
    await set(bus, where, signature, before);
  await writeKept(host, 'object', name, null);
}

async function set(bus: Bus, where: Omit<Spec, 'value'>, signature: string, json: unknown): Promise<void> {
  const { property, ...place } = where;
  const type = typeOf(signature);
  const value: Value = fromJson(type, json);
  const why = misfit(type, value);
  if (why !== null) throw new OpError('state', `${why} (type ${signature})`);
  await bus.set(place, property, { signature, value });
}
