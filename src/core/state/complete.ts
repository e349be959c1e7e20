// The short form of a profile's containers: what such an entry leaves out is the profile's, before anything is checked.

import { type Profile, plugins, profiles } from '../init/profile.ts';
import type { Finding, Path } from './problem.ts';

/** `value` with the entries filled in, and which keys of which were taken from which profile. */
export type Completed = { readonly value: unknown; readonly taken: readonly Taken[] };

type Taken = { readonly path: Path; readonly profile: Profile };

/**
 * An entry without `network` that has the id and the name of a container of `container_profile` gets every key that it
 * lacks from there. `base` is where `lxc` stands. Whatever the value is, nothing is thrown.
 */
export function complete(value: unknown, base: Path): Completed {
  const lxc = at(value, [...base, 'lxc']);
  const profile = profiles.find((name) => name === at(lxc, ['container_profile']));
  const containers = at(lxc, ['containers']);
  const whole = profile === undefined ? [] : (plugins(profile).lxc?.containers ?? []);
  if (profile === undefined || whole.length === 0 || !Array.isArray(containers)) return { value, taken: [] };
  const taken: Taken[] = [];
  const filled = containers.map((entry: unknown, index): unknown => {
    const other = whole.find(({ id, name }) => id === at(entry, ['id']) && name === at(entry, ['name']));
    if (other === undefined || !isObject(entry) || Object.hasOwn(entry, 'network')) return entry;
    const keys = Object.keys(other).filter((key) => !Object.hasOwn(entry, key));
    taken.push(...keys.map((key) => ({ path: [...base, 'lxc', 'containers', index, key], profile })));
    return { ...other, ...entry };
  });
  return { value: put(value, [...base, 'lxc', 'containers'], filled), taken };
}

/** Says of what is wrong in a part that isn't in the file where it came from. */
export function explained(finding: Finding, taken: readonly Taken[]): Finding {
  const from = taken.find(({ path }) => path.every((step, index) => finding.path[index] === step));
  if (from === undefined) return finding;
  const hint = `${from.path.at(-1)} is that of profile ${from.profile}, since the entry has no network: write it here, or take the entry that op-dbus init --profile ${from.profile} prints.`;
  return { ...finding, hint };
}

/** The profile in which a container of this id and name has a job. */
export function profileOf(id: number, name: string): Profile | null {
  const has = (profile: Profile): boolean =>
    (plugins(profile).lxc?.containers ?? []).some((one) => one.id === id && one.name === name);
  return profiles.find(has) ?? null;
}

function at(value: unknown, path: Path): unknown {
  return path.reduce<unknown>(
    (whole, key) => (isObject(whole) && Object.hasOwn(whole, key) ? whole[key] : undefined),
    value,
  );
}

function put(value: unknown, [key, ...below]: Path, content: unknown): unknown {
  return key === undefined
    ? content
    : { ...(isObject(value) ? value : {}), [key]: put(at(value, [key]), below, content) };
}

function isObject(value: unknown): value is Readonly<Record<string | number, unknown>> {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}
