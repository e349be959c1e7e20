// Type signatures (D-Bus Specification, "Type System"): parsed strictly, so that what is put together from one is valid.

import { OpError } from '../../error.ts';

export type Basic = 'y' | 'b' | 'n' | 'q' | 'i' | 'u' | 'x' | 't' | 'd' | 's' | 'o' | 'g' | 'h';

export type Type =
  | { readonly is: 'basic'; readonly code: Basic }
  | { readonly is: 'variant' }
  | { readonly is: 'array'; readonly of: Type }
  | { readonly is: 'dict'; readonly key: Basic; readonly value: Type }
  | { readonly is: 'struct'; readonly fields: readonly Type[] };

/** The complete types of a signature. @throws OpError `protocol` when it is none. */
export function typesOf(signature: string): readonly Type[] {
  const known = cache.get(signature);
  if (known !== undefined) return known;
  if (signature.length > 255) throw bad(signature);
  const types: Type[] = [];
  let at = 0;
  while (at < signature.length) {
    const [type, next] = read(signature, at, 0, 0);
    types.push(type);
    at = next;
  }
  // Peers choose signatures: the cache must not grow with them.
  if (cache.size >= 500) cache.clear();
  cache.set(signature, types);
  return types;
}

/** The one complete type of a variant or a property. @throws OpError `protocol` when it isn't exactly one. */
export function typeOf(signature: string): Type {
  const [type, more] = typesOf(signature);
  if (type === undefined || more !== undefined) throw bad(signature);
  return type;
}

export function isSignature(signature: string): boolean {
  try {
    typesOf(signature);
    return true;
  } catch {
    return false;
  }
}

const cache = new Map<string, readonly Type[]>();

function read(text: string, at: number, arrays: number, structs: number): readonly [Type, number] {
  const code = text[at] ?? '';
  if (isBasic(code)) return [{ is: 'basic', code }, at + 1];
  if (code === 'v') return [{ is: 'variant' }, at + 1];
  if (code === 'a' && arrays < 32) {
    if (text[at + 1] === '{') return dict(text, at + 2, arrays + 1, structs + 1);
    const [of, next] = read(text, at + 1, arrays + 1, structs);
    return [{ is: 'array', of }, next];
  }
  if (code !== '(' || structs >= 32) throw bad(text);
  const fields: Type[] = [];
  let next = at + 1;
  while (text[next] !== ')') {
    const [field, after] = read(text, next, arrays, structs + 1);
    fields.push(field);
    next = after;
  }
  if (fields.length === 0) throw bad(text);
  return [{ is: 'struct', fields }, next + 1];
}

function dict(text: string, at: number, arrays: number, structs: number): readonly [Type, number] {
  const key = text[at] ?? '';
  if (!isBasic(key) || structs > 32) throw bad(text);
  const [value, next] = read(text, at + 1, arrays, structs);
  if (text[next] !== '}') throw bad(text);
  return [{ is: 'dict', key, value }, next + 1];
}

function isBasic(code: string): code is Basic {
  return code !== '' && 'ybnqiuxtdsogh'.includes(code);
}

function bad(signature: string): OpError {
  return new OpError('protocol', `${JSON.stringify(signature)} is no type signature`);
}
