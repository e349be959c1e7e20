// The settings that our file names, with the values they have now.

import type { Resource } from '../../core/resource.ts';
import type { Host } from '../../drivers/host.ts';
import { parse, path } from './file.ts';
import type { Spec } from './schema.ts';

/** A file of that name which isn't ours says nothing. */
export async function observe(host: Host): Promise<readonly Resource<Spec>[]> {
  const entries = parse(await host.files.read(path)) ?? [];
  return Promise.all(
    entries.map(async ({ key }) => {
      const value = (await host.net.sysctl(key)) ?? '';
      return { kind: 'sysctl', name: key, spec: { value } };
    }),
  );
}

/** A setting as it was before us; null when the machine has no such setting. */
export async function before(host: Host, key: string): Promise<string | null> {
  const ours = (parse(await host.files.read(path)) ?? []).find((entry) => entry.key === key);
  return ours === undefined ? host.net.sysctl(key) : ours.before;
}
