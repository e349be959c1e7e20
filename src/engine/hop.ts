// The hops of the chain as `status` tells of them: containers in the order in which a client's packet meets them.

import type { Resource } from '../core/resource.ts';
import type { Spec } from '../kinds/container/schema.ts';
import type { Part } from '../kinds/kind.ts';

export type Hop = {
  /** The container's name and number. */
  readonly name: string;
  readonly id: number;
  readonly up: boolean;
  /** What the first part that is not up waits for; null when all are. */
  readonly waiting: string | null;
  /** The container itself, then what runs in it. */
  readonly parts: readonly Part[];
};

export function hopsOf(wanted: readonly Resource[], parts: readonly Part[]): readonly Hop[] {
  const containers = wanted.filter((resource): resource is Resource<Spec> => resource.kind === 'container');
  const of = (name: string) => parts.filter(({ hop }) => hop === name);
  const chain = chainOf(wanted);
  // What is the farthest from the exit comes first.
  const rank = ({ name, spec }: Resource<Spec>) => [chain.has(name) ? 0 : 1, -spec.order, spec.id] as const;
  return containers.toSorted((a, b) => compare(rank(a), rank(b))).map(({ name, spec }) => hop(name, spec.id, of(name)));
}

/** Names of the containers that are hops of a chain: a tunnel or a proxy runs in them. One that is in a mesh alone is none. */
export function chainOf(wanted: readonly Resource[]): ReadonlySet<string> {
  return new Set(
    wanted.flatMap(({ kind, name }) => (kind === 'tunnel' || kind === 'proxy' ? [name.split('/')[0] ?? ''] : [])),
  );
}

function hop(name: string, id: number, parts: readonly Part[]): Hop {
  const down = parts.find(({ up }) => !up);
  const waiting = down?.waiting ?? null;
  return { name, id, up: down === undefined, waiting, parts };
}

function compare(a: readonly number[], b: readonly number[]): number {
  const [first = 0] = a.map((one, index) => one - (b[index] ?? 0)).filter((difference) => difference !== 0);
  return first;
}
