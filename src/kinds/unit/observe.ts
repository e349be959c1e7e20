// The units that we keep, as they are now: only what is noted as ours is told. Without any, no bus is asked.

import type { Resource } from '../../core/resource.ts';
import type { Host } from '../../drivers/host.ts';
import { dropInPath, type Entry, entries, type Property, withoutHeader } from './entry.ts';
import { look } from './manager.ts';
import type { Spec } from './schema.ts';

export async function observe(host: Host): Promise<readonly Resource<Spec>[]> {
  const all = Object.entries(await entries(host));
  return Promise.all(all.map(async ([name, entry]) => ({ kind: 'unit', name, spec: await seen(host, name, entry) })));
}

async function seen(host: Host, name: string, entry: Entry): Promise<Spec> {
  const dropIns = await dropInsOf(host, name, entry);
  if (Object.keys(entry.properties).length === 0) return { enabled: null, active: null, masked: null, dropIns };
  const live = await look(await host.dbus.system(), name);
  const of = (key: Property): boolean | null => (entry.properties[key] === undefined ? null : live[key]);
  return { enabled: of('enabled'), active: of('active'), masked: of('masked'), dropIns };
}

/** Files that systemd has not read yet count for nothing: so `apply` goes on where it was interrupted. */
async function dropInsOf(host: Host, unit: string, { dropIns, pending }: Entry): Promise<Spec['dropIns']> {
  if (pending) return Object.fromEntries(dropIns.map((name) => [name, '']));
  const found = await Promise.all(
    dropIns.map(async (name) => [name, await host.files.read(dropInPath(unit, name))] as const),
  );
  return Object.fromEntries(found.flatMap(([name, text]) => (text === null ? [] : [[name, withoutHeader(text)]])));
}
