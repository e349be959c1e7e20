// Verify: looks again, compares with what is wanted, and asks the live host whether it works.

import { difference } from '../core/plan.ts';
import type { Change, Resource } from '../core/resource.ts';
import type { Host } from '../drivers/host.ts';
import { kinds } from '../kinds/index.ts';
import type { Check } from '../kinds/kind.ts';
import { observe } from './observe.ts';
import { render } from './run.ts';

export type Verdict = { readonly drift: readonly Change[]; readonly checks: readonly Check[] };

/**
 * Drift first: when the host differs from the file, its checks are still asked, so that both can be read together. `shown` is
 * the command that shows a person what differs.
 */
export async function verify(host: Host, wanted: readonly Resource[], shown = STATUS): Promise<Verdict> {
  const drift = difference(await observe(host), wanted);
  const of = (kind: string) => wanted.filter((resource) => resource.kind === kind);
  const checks = await Promise.all(kinds.map(async (kind) => (await kind.check?.(host, of(kind.name))) ?? []));
  return { drift, checks: [same(drift, shown), ...checks.flat()] };
}

/** Where what was applied last is compared with the host. */
const STATUS = 'op-dbus status --no-exit';

function same(drift: readonly Change[], command: string): Check {
  return {
    name: 'the host is as the file says',
    ok: drift.length === 0,
    detail: drift.length === 0 ? 'no difference' : `${drift.length} differ: ${render(drift)[0] ?? ''}`,
    command,
  };
}
