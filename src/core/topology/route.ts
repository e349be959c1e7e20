// Where policies steer each container's transit traffic, and how far each is from the exit.

import type { Link } from '../state/link.ts';
import type { State } from '../state/schema.ts';
import type { Member } from '../topology.ts';

export type Route = Pick<Member, 'next' | 'order' | 'policy'>;

/** By container id. `output` leads to the member that has the port (by row or device), `normal` to the host, `drop` nowhere. */
export function routes(state: State, links: readonly Link[]): ReadonlyMap<number, Route> {
  const steps = new Map(
    state.openflow.flow_policies.map(({ name, selector, template: { table, priority, actions } }) => {
      const action = actions[0];
      const owner = links.find(
        ({ row, device }) => action?.type === 'output' && (row === action.port || device === action.port),
      );
      const next: Member['next'] = action?.type === 'normal' ? 'host' : (owner?.id ?? null);
      return [Number(selector.slice('container:'.length)), { next, policy: { name, table, priority } }];
    }),
  );
  const order = (id: number, limit = steps.size): number => {
    const next = steps.get(id)?.next;
    return typeof next === 'number' && limit > 0 ? order(next, limit - 1) + 1 : 0;
  };
  return new Map([...steps].map(([id, step]) => [id, { ...step, order: order(id) }]));
}
