// Examine: facts and needs in, findings out. Pure.

import type { Facts } from './fact.ts';
import type { Finding, Need } from './finding.ts';
import { groups } from './line.ts';

/** Every line of the table, in its order; the state file has `containers`. */
export function examine(facts: Facts, needs: ReadonlySet<Need>, containers = 0): readonly Finding[] {
  return Object.entries(groups).flatMap(([group, lines]) =>
    lines.map(({ name, need, judge }) => ({
      group,
      name,
      ...judge(facts, containers),
      needed: need !== undefined && needs.has(need),
    })),
  );
}

/** Whether it is a reason to fail: it is broken, or doesn't work and is needed. */
export function fails({ level, broken, needed }: Finding): boolean {
  return broken || (needed && level === 'no');
}
