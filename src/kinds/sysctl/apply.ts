// Sets kernel settings now, keeps them for the hook after the next boot, and gives back what was there before.

import type { Change } from '../../core/resource.ts';
import type { Host } from '../../drivers/host.ts';
import { OpError } from '../../error.ts';
import { type Entry, parse, path, print } from './file.ts';
import type { Spec } from './schema.ts';

/** @throws OpError `foreign` when a file of our name isn't ours, `host` when the kernel has no such setting. */
export async function preflight(host: Host, batch: readonly Change<Spec>[]): Promise<void> {
  await entries(host);
  for (const { name, after } of batch)
    if (after !== null && (await host.net.sysctl(name)) === null)
      throw new OpError('host', `the kernel has no setting ${name}`, { at: `sysctl ${name}` });
}

/** What was there before is on disk before it is changed, and leaves the disk after it is back. */
export async function apply(host: Host, batch: readonly Change<Spec>[]): Promise<void> {
  for (const { name, after } of batch)
    if (after === null) await restore(host, name);
    else await set(host, name, after.value);
}

async function set(host: Host, key: string, value: string): Promise<void> {
  const all = await entries(host);
  const live = (await host.net.sysctl(key)) ?? '';
  const before = all.find((entry) => entry.key === key)?.before ?? live;
  await save(host, [...all.filter((entry) => entry.key !== key), { key, value, before }]);
  if (live !== value) await host.net.setSysctl(key, value);
}

/** A value that is not the one we set is somebody else's decision, and stays. */
async function restore(host: Host, key: string): Promise<void> {
  const all = await entries(host);
  const entry = all.find((candidate) => candidate.key === key);
  if (entry === undefined) return;
  if ((await host.net.sysctl(key)) === entry.value && entry.before !== entry.value)
    await host.net.setSysctl(key, entry.before);
  await save(
    host,
    all.filter((candidate) => candidate.key !== key),
  );
}

async function entries(host: Host): Promise<readonly Entry[]> {
  const found = parse(await host.files.read(path));
  if (found !== null) return found;
  throw new OpError('foreign', `${path} exists and is not op-dbus's`, {
    at: path,
    hint: `Move it away: mv ${path} ${path}.mine`,
  });
}

async function save(host: Host, all: readonly Entry[]): Promise<void> {
  const text = print(all);
  if (text === null) await host.files.remove(path);
  else await host.files.write(path, text, 0o644);
}
