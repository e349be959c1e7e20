// Whether each setting has its value now.

import type { Resource } from '../../core/resource.ts';
import type { Host } from '../../drivers/host.ts';
import type { Check } from '../kind.ts';
import type { Spec } from './schema.ts';

export function check(host: Host, wanted: readonly Resource<Spec>[]): Promise<readonly Check[]> {
  return Promise.all(
    wanted.map(async ({ name, spec }) => {
      const live = await host.net.sysctl(name);
      const detail = live ?? 'no such setting';
      return { name: `the host has ${name}=${spec.value}`, ok: live === spec.value, detail, command: `sysctl ${name}` };
    }),
  );
}
