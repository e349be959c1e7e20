// The generic difference: what is there, what is wanted, and the changes between. Pure; no kind writes its own.

import type { Change, Resource } from './resource.ts';

/**
 * The changes that lead from `found` to `wanted`, sorted by kind and name; empty when they are the same. Specs are
 * compared as plain data: the order of keys in an object does not matter, the order of a list does.
 */
export function difference(found: readonly Resource[], wanted: readonly Resource[]): readonly Change[] {
  const before = byKey(found);
  const after = byKey(wanted);
  const keys = [...new Set([...before.keys(), ...after.keys()])].sort();
  return keys.flatMap((key) => {
    const old = before.get(key);
    const fresh = after.get(key);
    if (old !== undefined && fresh !== undefined && same(old.spec, fresh.spec)) return [];
    const { kind, name } = (fresh ?? old) as Resource;
    return [{ kind, name, before: old?.spec ?? null, after: fresh?.spec ?? null }];
  });
}

/** Whether two values are the same JSON: `canonical` without making the text, which 100,000 flows would notice. */
export function same(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (Array.isArray(a) || Array.isArray(b))
    return Array.isArray(a) && Array.isArray(b) && a.length === b.length && a.every((one, at) => same(one, b[at]));
  const [left, right] = [a, b].map((value) => Object.entries(value).filter(([, inner]) => inner !== undefined));
  const other = new Map(right);
  return left?.length === other.size && left.every(([key, inner]) => other.has(key) && same(inner, other.get(key)));
}

/** JSON text with sorted keys: equal for equal data, to be written down or hashed. */
export function canonical(value: unknown): string {
  return JSON.stringify(value, (_, inner: unknown) =>
    inner !== null && typeof inner === 'object' && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}

function byKey(resources: readonly Resource[]): ReadonlyMap<string, Resource> {
  return new Map(resources.map((resource) => [`${resource.kind}\0${resource.name}`, resource]));
}
