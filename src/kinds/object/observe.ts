// The properties that we keep, with the values they have now. Without any, no bus is asked.

import { canonical } from '../../core/plan.ts';
import type { Resource } from '../../core/resource.ts';
import type { Bus, Variant } from '../../drivers/dbus/contract.ts';
import { fromJson, toJson } from '../../drivers/dbus/json.ts';
import { typeOf } from '../../drivers/dbus/signature.ts';
import { misfit } from '../../drivers/dbus/value.ts';
import type { Host } from '../../drivers/host.ts';
import { OpError } from '../../error.ts';
import { entries, type Entry } from './entry.ts';
import type { Spec } from './schema.ts';

/** Milliseconds for one service: one that hangs must not keep us from seeing the others. */
const DEADLINE = 5000;

export async function observe(host: Host): Promise<readonly Resource<Spec>[]> {
  const all = Object.entries(await entries(host));
  if (all.length === 0) return [];
  const bus = await host.dbus.system();
  return Promise.all(
    all.map(async ([name, entry]) => {
      const { destination, path, interface: of, property } = entry;
      return {
        kind: 'object',
        name,
        spec: { destination, path, interface: of, property, value: await valueOf(bus, entry) },
      };
    }),
  );
}

async function valueOf(bus: Bus, entry: Entry): Promise<unknown> {
  const live = await readProperty(bus, entry);
  if (live === null) return null;
  // Spelled as the file spells it.
  const ours = entry.ours.findLast((one) => isSame(live, one));
  return ours ?? toJson(typeOf(live.signature), live.value);
}

/** The live value; null when its service, object or interface is not there, or doesn't answer. */
export async function readProperty(bus: Bus, { property, ...place }: Omit<Spec, 'value'>): Promise<Variant | null> {
  try {
    return await bus.get(place, property, DEADLINE);
  } catch (error) {
    if (error instanceof OpError && (error.code === 'host' || error.code === 'timeout')) return null;
    throw error;
  }
}

/** Whether the JSON means the live value: `5` and `"5"` are the same for 64 bits. */
export function isSame({ signature, value }: Variant, json: unknown): boolean {
  const type = typeOf(signature);
  const meant = fromJson(type, json);
  return misfit(type, meant) === null && canonical(toJson(type, meant)) === canonical(toJson(type, value));
}
