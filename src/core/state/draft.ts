// The parts of a file that passed the schema, so that the rules still run on what is good when something else is bad.

import type { Input } from './schema.ts';
import type { Path } from './problem.ts';

/**
 * A value as the schema takes it, any part of which may be bad: such a part is `undefined` though its key is there
 * (`bad`), and a missing key is simply not there.
 */
type Loose<T> = T extends readonly (infer Item)[]
  ? readonly (Loose<Item> | undefined)[]
  : T extends object
    ? { readonly [Key in keyof T]?: Loose<T[Key]> | undefined }
    : T;

export type Draft = Loose<Input>;
export type ContainerDraft = NonNullable<NonNullable<NonNullable<Draft['lxc']>['containers']>[number]>;
export type BridgeDraft = NonNullable<NonNullable<NonNullable<Draft['openflow']>['bridges']>[number]>;
export type PolicyDraft = NonNullable<NonNullable<NonNullable<Draft['openflow']>['flow_policies']>[number]>;
export type FlowDraft = NonNullable<NonNullable<BridgeDraft['flows']>[number]>;
export type UnitDraft = NonNullable<NonNullable<NonNullable<Draft['systemd']>['units']>[string]>;
export type ObjectDraft = NonNullable<NonNullable<NonNullable<Draft['dbus']>['objects']>[number]>;
export type ActionDraft = NonNullable<NonNullable<FlowDraft['actions']>[number]>;

/** A copy of `value` in which whatever stands at one of `paths` is undefined. */
export function prune(value: unknown, paths: readonly Path[]): unknown {
  if (paths.some((path) => path.length === 0)) return undefined;
  return inside(value, paths, (child, below) => prune(child, below));
}

/** A copy of `value` without the keys at `paths`. */
export function remove(value: unknown, paths: readonly Path[]): unknown {
  const gone = new Set(paths.filter((path) => path.length === 1).map(([key]) => key));
  const copy = inside(value, paths, (child, below) =>
    below.some((path) => path.length === 0) ? child : remove(child, below),
  );
  if (gone.size === 0 || copy === null || typeof copy !== 'object' || Array.isArray(copy)) return copy;
  return Object.fromEntries(Object.entries(copy).filter(([key]) => !gone.has(key)));
}

function inside(
  value: unknown,
  paths: readonly Path[],
  visit: (child: unknown, below: readonly Path[]) => unknown,
): unknown {
  if (paths.length === 0 || value === null || typeof value !== 'object') return value;
  const groups = Map.groupBy(paths, ([step]) => step);
  const below = (key: string | number) => (groups.get(key) ?? []).map((path) => path.slice(1));
  if (Array.isArray(value)) return value.map((item, index) => visit(item, below(index)));
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, visit(item, below(key))]));
}

/** Whether the key is in the file, with a value that the schema refused. */
export function bad(object: object, key: string): boolean {
  return Object.hasOwn(object, key) && (object as Record<string, unknown>)[key] === undefined;
}

/** The entries that are good, each with its index. */
export function entries<T>(list: readonly (T | undefined)[] | undefined): readonly (readonly [number, T])[] {
  return (list ?? []).flatMap((item, index) => (item === undefined ? [] : [[index, item] as const]));
}
