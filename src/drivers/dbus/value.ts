// Values by their types: what fits, and the forms of the marshaller (dbus-native) and back.

import type { Value, Variant } from './contract.ts';
import { type Basic, isSignature, type Type, typeOf, typesOf } from './signature.ts';

/** Why the values are not of the signature, `argument 2: expected a number from 0 to 255`; null when they are. */
export function mismatch(signature: string, values: readonly Value[]): string | null {
  const types = typesOf(signature);
  if (types.length !== values.length) return `expected ${types.length} values, not ${values.length}`;
  for (const [index, type] of types.entries()) {
    const why = misfit(type, values[index] as Value);
    if (why !== null) return types.length === 1 ? why : `value ${index + 1}: ${why}`;
  }
  return null;
}

/** Why the value is not of the type; null when it is. */
export function misfit(type: Type, value: unknown): string | null {
  if (type.is === 'basic') return fits[type.code](value) ? null : `expected ${wording[type.code]}`;
  if (type.is === 'variant') {
    if (!isVariant(value)) return 'expected a signature and a value';
    const inner = typesOf(value.signature);
    return inner.length === 1 ? misfit(typeOf(value.signature), value.value) : 'expected a signature of one type';
  }
  if (type.is === 'struct') {
    if (!Array.isArray(value) || value.length !== type.fields.length)
      return `expected a list of ${type.fields.length} values`;
    return first(value.map((one, index) => misfit(type.fields[index] as Type, one)));
  }
  if (type.is === 'array') {
    if (!Array.isArray(value)) return 'expected a list';
    return first(value.map((one) => misfit(type.of, one)));
  }
  const entries = pairs(type.key, value);
  if (entries === null) return textual(type.key) ? 'expected an object' : 'expected a list of pairs';
  const key: Type = { is: 'basic', code: type.key };
  return first(entries.map(([name, one]) => misfit(key, name) ?? misfit(type.value, one)));
}

/** As the marshaller takes it; the value must fit. */
export function encode(type: Type, value: Value): unknown {
  if (type.is === 'basic') return value;
  if (type.is === 'variant') {
    const { signature, value: inner } = value as Variant;
    return [signature, encode(typeOf(signature), inner)];
  }
  if (type.is === 'struct')
    return (value as readonly Value[]).map((one, index) => encode(type.fields[index] as Type, one));
  if (type.is === 'array') return (value as readonly Value[]).map((one) => encode(type.of, one));
  return (pairs(type.key, value) ?? []).map(([key, one]) => [key, encode(type.value, one as Value)]);
}

/** From what the unmarshaller gives: dicts as pairs, variants with their signature, bytes as a list. */
export function decode(type: Type, raw: unknown): Value {
  if (type.is === 'basic') return raw as Value;
  if (type.is === 'variant') {
    const { signature, value } = raw as { readonly signature: string; readonly value: unknown };
    return { signature, value: decode(typeOf(signature), value) };
  }
  if (type.is === 'struct')
    return (raw as readonly unknown[]).map((one, index) => decode(type.fields[index] as Type, one));
  if (type.is === 'array') return (raw as readonly unknown[]).map((one) => decode(type.of, one));
  const entries = (raw as readonly (readonly [Value, unknown])[]).map(
    ([key, one]) => [key, decode(type.value, one)] as const,
  );
  return textual(type.key) ? (Object.fromEntries(entries) as { [key: string]: Value }) : entries;
}

export function textual(key: Basic): boolean {
  return key === 's' || key === 'o' || key === 'g';
}

function pairs(key: Basic, value: unknown): readonly (readonly [unknown, unknown])[] | null {
  if (textual(key))
    return value !== null && typeof value === 'object' && !Array.isArray(value) ? Object.entries(value) : null;
  if (!Array.isArray(value) || !value.every((one) => Array.isArray(one) && one.length === 2)) return null;
  return value as readonly (readonly [unknown, unknown])[];
}

function isVariant(value: unknown): value is Variant {
  if (value === null || typeof value !== 'object' || !('signature' in value) || !('value' in value)) return false;
  return typeof value.signature === 'string' && isSignature(value.signature);
}

function first(problems: readonly (string | null)[]): string | null {
  return problems.find((problem) => problem !== null) ?? null;
}

const whole =
  (low: number, high: number) =>
  (value: unknown): boolean =>
    Number.isInteger(value) && (value as number) >= low && (value as number) <= high;
const big =
  (low: bigint, high: bigint) =>
  (value: unknown): boolean =>
    typeof value === 'bigint' && value >= low && value <= high;
const text = (value: unknown): value is string =>
  typeof value === 'string' && !value.includes('\0') && value.isWellFormed();

const fits: Readonly<Record<Basic, (value: unknown) => boolean>> = {
  y: whole(0, 0xff),
  b: (value) => typeof value === 'boolean',
  n: whole(-0x8000, 0x7fff),
  q: whole(0, 0xffff),
  i: whole(-0x8000_0000, 0x7fff_ffff),
  u: whole(0, 0xffff_ffff),
  x: big(-(2n ** 63n), 2n ** 63n - 1n),
  t: big(0n, 2n ** 64n - 1n),
  d: (value) => typeof value === 'number',
  s: text,
  o: (value) => text(value) && /^(\/|(\/[A-Za-z0-9_]+)+)$/.test(value),
  g: (value) => typeof value === 'string' && isSignature(value),
  // No descriptors pass this connection.
  h: () => false,
};

/** In words that end a sentence "expected …". */
const wording: Readonly<Record<Basic, string>> = {
  y: 'a whole number from 0 to 255',
  b: 'true or false',
  n: 'a whole number from -32768 to 32767',
  q: 'a whole number from 0 to 65535',
  i: 'a whole number from -2147483648 to 2147483647',
  u: 'a whole number from 0 to 4294967295',
  x: 'a whole number of 64 bits',
  t: 'a whole number of 64 bits that is not negative',
  d: 'a number',
  s: 'a string',
  o: 'an object path, like /org/freedesktop/systemd1',
  g: 'a type signature',
  h: 'no file descriptor',
};
