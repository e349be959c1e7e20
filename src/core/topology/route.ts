// Where policies steer each container's transit traffic, and how far each is from the exit.

import type { Link } from '../state/link.ts';
import type { Placed } from '../state/placed.ts';
import { leadsTo, met } from '../state/rule/policy.ts';
import type { Member, Steering } from '../topology.ts';
import { placeOf } from './flow.ts';

export type Route = Pick<Member, 'next' | 'order' | 'policy' | 'overridden'>;

/**
 * By container id. `output` leads to the member that has the port (by row or device), `normal` to the host, `drop`
 * nowhere. Of several policies the packet meets the lowest table first, and there the highest priority.
 */
export function routes(steering: readonly Placed[], links: readonly Link[]): ReadonlyMap<number, Route> {
  const all = Map.groupBy(met(steering), ({ target }) => target?.id ?? 0);
  const ways = new Map([...all].map(([id, list]) => [id, list.map((one) => steered(one, links))]));
  const order = (id: number, limit = ways.size): number => {
    const next = ways.get(id)?.[0]?.next;
    return typeof next === 'number' && limit > 0 ? order(next, limit - 1) + 1 : 0;
  };
  return new Map(
    [...ways].flatMap(([id, [first, ...overridden]]) => {
      if (first === undefined) return [];
      const { next, ...policy } = first;
      return [[id, { next, policy, overridden, order: order(id) }]];
    }),
  );
}

function steered(one: Placed, links: readonly Link[]): Steering {
  const { flow, policy } = one;
  const action = flow.actions?.[0];
  return {
    name: policy ?? '',
    table: flow.table ?? 10,
    priority: flow.priority ?? 1000,
    next: action?.type === 'normal' ? 'host' : (leadsTo(links, one)?.id ?? null),
    cookie: flow.cookie?.toLowerCase() ?? null,
    place: placeOf(one),
  };
}
