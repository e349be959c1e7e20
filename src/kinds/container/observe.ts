// The containers that carry our mark.

import type { Resource } from '../../core/resource.ts';
import type { Host } from '../../drivers/host.ts';
import type { Spec } from './schema.ts';

export async function observe(host: Host): Promise<readonly Resource<Spec>[]> {
  return (await host.containers.list()).map(({ name, running, attached, definition }) => ({
    kind: 'container',
    name,
    spec: { ...definition, running, attached },
  }));
}
