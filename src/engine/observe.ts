// Observe: every resource on the host that carries our mark.

import type { Resource } from '../core/resource.ts';
import type { Host } from '../drivers/host.ts';
import { doing } from '../error.ts';
import { kinds } from '../kinds/index.ts';
import type { Kind } from '../kinds/kind.ts';

/** What is there, of these kinds in their order, then by name. Reads only. @throws OpError when a driver can't read. */
export async function observe(host: Host, among: readonly Kind<unknown>[] = kinds): Promise<readonly Resource[]> {
  const found = await Promise.all(among.map((kind) => doing(`observing ${kind.name}`, () => kind.observe(host))));
  return found.map((list) => list.toSorted((a, b) => (a.name < b.name ? -1 : 1))).flat();
}
