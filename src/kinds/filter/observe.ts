// The filters that are there: the host's by its table and by its file for the boot, a container's by what is kept for it.

import type { Resource } from '../../core/resource.ts';
import type { Host } from '../../drivers/host.ts';
import { OpError } from '../../error.ts';
import { hostName, type Spec, tableName } from './schema.ts';

/** What the start hook of containers loads at boot, before the first container starts. */
export const bootPath = '/var/lib/op-dbus/filter/host.nft';

export async function observe(host: Host): Promise<readonly Resource<Spec>[]> {
  const own = await seen(host);
  const names = (await host.containers.filters()).filter((name) => name !== hostName);
  const inside = await Promise.all(names.map(async (name) => resource(name, (await listed(host, name)) ?? '')));
  return own === null ? inside : [resource(hostName, own), ...inside];
}

/** What a container's root has made unreadable, as by a table without end, is drift of its own, and stops nobody else. */
async function listed(host: Host, name: string): Promise<string | null> {
  try {
    return await host.containers.filter(name).table(tableName);
  } catch (error) {
    if (error instanceof OpError && (error.code === 'host' || error.code === 'timeout')) return null;
    throw error;
  }
}

/** The boot file's content: it may be loaded again and again, and replaces the table each time (`nft -f`). */
export function bootText(text: string): string {
  return `# Written by op-dbus: the host's packet filter, loaded at boot before any container starts.\ntable inet ${tableName}\ndelete table inet ${tableName}\n${text}\n`;
}

/** Empty when the table that is loaded and the one of the next boot are not the same: neither can be relied upon. */
async function seen(host: Host): Promise<string | null> {
  const [live, kept] = await Promise.all([host.nft.table(tableName), host.files.read(bootPath)]);
  if (live === null && kept === null) return null;
  return live !== null && kept === bootText(live) ? live : '';
}

function resource(name: string, text: string): Resource<Spec> {
  return { kind: 'filter', name, spec: { text } };
}
