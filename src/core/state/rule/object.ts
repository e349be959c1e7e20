// Properties on the message bus: each once, by valid names, with values that can be of some type.

import { entries, type ObjectDraft } from '../draft.ts';
import { type Finding, type Path, showPath } from '../problem.ts';
import { type Claim, repeated, type Rule } from './rule.ts';

export const objects: Rule = ({ draft }) => {
  const all = entries<ObjectDraft>(draft.dbus?.objects);
  return [
    ...all.flatMap(([index, object]) => [...own(index, object), ...values(index, object)]),
    ...repeated(all.flatMap(claims), (_, first) => `is kept by ${showPath(first)} already`),
  ];
};

function own(index: number, { destination = '' }: ObjectDraft): readonly Finding[] {
  if (!/^org\.opdbus1(\.|$)/.test(destination)) return [];
  return [{ path: place(index, 'destination'), message: "op-dbus keeps its own objects itself: expected another's" }];
}

function values(index: number, { properties }: ObjectDraft): readonly Finding[] {
  if (properties === undefined) return [];
  const names = Object.keys(properties);
  const path = place(index, 'properties');
  if (names.length === 0) return [{ path, message: 'declares nothing: expected a property and its value' }];
  return names.flatMap((name) => {
    const at = [...path, name];
    if (!/^[A-Za-z_][A-Za-z0-9_-]{0,254}$/.test(name))
      return [{ path: at, key: true, message: 'expected the name of a property, like LogLevel' }];
    return faults(properties[name], at);
  });
}

/** What no type on the bus has, and what JSON has already lost. */
function faults(value: unknown, path: Path): readonly Finding[] {
  if (value === null) return [{ path, message: 'expected a value, not null: the message bus has none' }];
  if (typeof value === 'number' && Number.isInteger(value) && !Number.isSafeInteger(value))
    return [{ path, message: 'a number of more than 53 bits is not exact in JSON: expected it as a string' }];
  if (Array.isArray(value)) return value.flatMap((one, index) => faults(one, [...path, index]));
  if (typeof value !== 'object') return [];
  return Object.entries(value as object).flatMap(([key, one]) => faults(one, [...path, key]));
}

function claims([index, object]: readonly [number, ObjectDraft]): readonly Claim[] {
  const { destination, path, interface: name, properties = {} } = object;
  if (destination === undefined || path === undefined || name === undefined) return [];
  return Object.keys(properties).map((property) => ({
    value: [destination, path, name, property].join(' '),
    path: [...place(index, 'properties'), property],
  }));
}

function place(index: number, key: string): Path {
  return ['dbus', 'objects', index, key];
}
