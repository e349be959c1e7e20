// Values as JSON and back, by their types: 64 bits that JSON can't hold whole are decimal texts, variants name their signature.

import type { Value, Variant } from './contract.ts';
import { isSignature, type Type, typeOf, typesOf } from './signature.ts';
import { textual } from './value.ts';

/** The value that the JSON means, as far as it fits the type (`misfit` tells); the rest stays as it is. */
export function fromJson(type: Type, json: unknown): Value {
  const list = (of: (index: number) => Type | undefined): Value =>
    Array.isArray(json) ? json.map((one: unknown, index) => inner(of(index), one)) : (json as Value);
  if (type.is === 'basic') return type.code === 'x' || type.code === 't' ? big(json) : (json as Value);
  if (type.is === 'array') return list(() => type.of);
  if (type.is === 'struct') return list((index) => type.fields[index]);
  if (json === null || typeof json !== 'object') return json as unknown as Value;
  if (type.is === 'variant') {
    const { signature, value } = json as { readonly signature?: unknown; readonly value?: unknown };
    if (typeof signature !== 'string' || !isSignature(signature) || typesOf(signature).length !== 1)
      return json as Value;
    return { signature, value: fromJson(typeOf(signature), value) };
  }
  if (textual(type.key) && !Array.isArray(json))
    return Object.fromEntries(Object.entries(json).map(([key, one]) => [key, fromJson(type.value, one)]));
  if (!Array.isArray(json)) return json as Value;
  const key: Type = { is: 'basic', code: type.key };
  return json.map((pair: unknown) =>
    Array.isArray(pair) && pair.length === 2
      ? [fromJson(key, pair[0]), fromJson(type.value, pair[1])]
      : (pair as Value),
  );
}

export function toJson(type: Type, value: Value): unknown {
  if (type.is === 'basic') {
    if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : `${value}`;
    return typeof value === 'number' && !Number.isFinite(value) ? `${value}` : value;
  }
  if (type.is === 'array') return (value as readonly Value[]).map((one) => toJson(type.of, one));
  if (type.is === 'struct')
    return (value as readonly Value[]).map((one, index) => toJson(type.fields[index] as Type, one));
  if (type.is === 'variant') {
    const { signature, value: one } = value as Variant;
    return { signature, value: toJson(typeOf(signature), one) };
  }
  if (!textual(type.key)) {
    const key: Type = { is: 'basic', code: type.key };
    return (value as readonly (readonly [Value, Value])[]).map(([name, one]) => [
      toJson(key, name),
      toJson(type.value, one),
    ]);
  }
  const entries = Object.entries(value as Readonly<Record<string, Value>>);
  return Object.fromEntries(entries.map(([name, one]) => [name, toJson(type.value, one)]));
}

function inner(type: Type | undefined, json: unknown): Value {
  return type === undefined ? (json as Value) : fromJson(type, json);
}

function big(json: unknown): Value {
  if (typeof json === 'number' && Number.isSafeInteger(json)) return BigInt(json);
  return typeof json === 'string' && /^-?(0|[1-9][0-9]{0,19})$/.test(json) ? BigInt(json) : (json as Value);
}
