// Whether the rules are in force, and whether nobody else's is asked before them.

import type { Resource } from '../../core/resource.ts';
import type { Host } from '../../drivers/host.ts';
import type { Check } from '../kind.ts';
import { earlier } from './apply.ts';
import { familyOf, live } from './observe.ts';
import type { Spec } from './schema.ts';

export function check(host: Host, wanted: readonly Resource<Spec>[]): Promise<readonly Check[]> {
  return Promise.all(
    wanted.map(async ({ name, spec }) => {
      const [found, other] = await Promise.all([live(host, name), earlier(host, name, spec)]);
      const gone = found === null ? undefined : spec.rules.find((rule) => !found.includes(rule));
      return {
        name: `${name}: what the packet filter has not let through is not forwarded`,
        ok: gone === undefined && other === undefined,
        detail:
          gone !== undefined
            ? `there is no rule "${gone}"`
            : other !== undefined
              ? `"${other.text}" is asked first`
              : found === null
                ? 'the kernel has none'
                : `${found.length} rules`,
        command: `ip -${familyOf(name)} rule`,
      };
    }),
  );
}
