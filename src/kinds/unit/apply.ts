// Makes units be as declared, and gives back what was there before; each step is noted on disk before it is done.

import type { Change } from '../../core/resource.ts';
import type { Bus } from '../../drivers/dbus/contract.ts';
import type { Host } from '../../drivers/host.ts';
import { doing } from '../../error.ts';
import { dropInPath, type Entry, entries, folderOf, none, note, type Property, withHeader } from './entry.ts';
import { enable, job, type Live, look, mask, reload } from './manager.ts';
import type { Spec } from './schema.ts';

const nothing: Spec = { enabled: null, active: null, masked: null, dropIns: {} };

export async function apply(host: Host, batch: readonly Change<Spec>[]): Promise<void> {
  const bus = await host.dbus.system();
  for (const { name, after } of batch) await doing(name, () => keep(host, bus, name, after ?? nothing));
}

/** Unmasked before anything else is done to it, masked after. */
async function keep(host: Host, bus: Bus, name: string, wanted: Spec): Promise<void> {
  let entry = (await entries(host))[name] ?? none;
  const save = async (next: Entry): Promise<void> => {
    entry = next;
    await note(host, name, next);
  };
  /** What the property is to be; undefined when it is nobody's business. Noted when it becomes ours. */
  const target = async (key: Property, live: Live): Promise<boolean | undefined> => {
    const noted = entry.properties[key];
    const value = wanted[key];
    if (value === null) return noted?.ours.includes(live[key]) ? noted.before : undefined;
    const ours = [...new Set([...(noted?.ours ?? []), value])];
    const kept = { before: noted?.before ?? live[key], ours };
    await save({ ...entry, properties: { ...entry.properties, [key]: kept } });
    return value;
  };

  const files = await putDropIns(host, name, wanted, entry, save);
  let live = await look(bus, name);
  const masked = await target('masked', live);
  let stale = files;
  if (masked === false && live.masked) {
    await mask(bus, name, false);
    // Whether it is enabled shows only now.
    await reload(bus);
    live = await look(bus, name);
  }
  const enabled = await target('enabled', live);
  if (enabled !== undefined && enabled !== live.enabled && there(live)) {
    await enable(bus, name, enabled);
    stale = true;
  }
  if (stale) await reload(bus);
  await power(bus, name, await target('active', live), live, files);
  if (masked === true && !live.masked) {
    await mask(bus, name, true);
    await reload(bus);
  }
  const declared = Object.entries(entry.properties).flatMap(([key, { before }]) => {
    const value = wanted[key as Property];
    return value === null ? [] : [[key, { before, ours: [value] }] as const];
  });
  const dropIns = Object.keys(wanted.dropIns);
  await save({ properties: Object.fromEntries(declared), dropIns, pending: false });
}

/** A unit that is kept active runs with its drop-ins as they are now. */
async function power(bus: Bus, name: string, active: boolean | undefined, live: Live, files: boolean): Promise<void> {
  if (active === undefined || !there(live)) return;
  if (active !== live.active) await job(bus, active ? 'Start' : 'Stop', name);
  else if (active && files) await job(bus, 'Restart', name);
}

/** A unit that was removed from the host meanwhile has nothing to be given back. */
function there({ load }: Live): boolean {
  return load !== 'not-found';
}

/** True when systemd has to read its files again. */
async function putDropIns(
  host: Host,
  unit: string,
  { dropIns }: Spec,
  entry: Entry,
  save: (next: Entry) => Promise<void>,
): Promise<boolean> {
  const gone = entry.dropIns.filter((name) => !Object.hasOwn(dropIns, name));
  const texts = Object.entries(dropIns);
  const found = await Promise.all(texts.map(([name]) => host.files.read(dropInPath(unit, name))));
  const fresh = texts.filter(([, text], index) => found[index] !== withHeader(text));
  if (gone.length + fresh.length === 0) return entry.pending;
  const all = [...new Set([...entry.dropIns, ...Object.keys(dropIns)])];
  await save({ ...entry, dropIns: all, pending: true });
  for (const [name, text] of fresh) await host.files.write(dropInPath(unit, name), withHeader(text), 0o644, 0o755);
  for (const name of gone) await host.files.remove(dropInPath(unit, name));
  if (gone.length > 0) await host.files.sweep(folderOf(unit));
  return true;
}
