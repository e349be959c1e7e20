// Values as JSON: what fits comes back the same, and nothing that doesn't is taken for a value.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import type { Value } from './contract.ts';
import { fromJson, toJson } from './json.ts';
import { type Basic, typeOf, typesOf } from './signature.ts';
import { misfit } from './value.ts';

const basics: Readonly<Record<Exclude<Basic, 'h' | 'd'>, fc.Arbitrary<Value>>> = {
  y: fc.nat(255),
  b: fc.boolean(),
  n: fc.integer({ min: -0x8000, max: 0x7fff }),
  q: fc.nat(0xffff),
  i: fc.integer(),
  u: fc.nat(0xffffffff),
  x: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  t: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  s: fc.string().filter((text) => !text.includes('\0')),
  o: fc.constantFrom('/', '/a/b_1'),
  g: fc.constantFrom('', 'a{sv}'),
};

type Typed = readonly [signature: string, value: Value];

const basic: fc.Arbitrary<Typed> = fc.oneof(
  ...Object.entries(basics).map(([code, value]) => value.map((one): Typed => [code, one])),
);

function typed(depth: number): fc.Arbitrary<Typed> {
  if (depth === 0) return basic;
  const one = typed(depth - 1);
  return fc.oneof(
    basic,
    one.map(([signature, value]): Typed => [`a${signature}`, [value, value]]),
    fc
      .array(one, { minLength: 1, maxLength: 3 })
      .map((all): Typed => [`(${all.map(([signature]) => signature).join('')})`, all.map(([, value]) => value)]),
    fc
      .tuple(fc.constantFrom('k', '__proto__', ''), one)
      .map(([key, [signature, value]]): Typed => [`a{s${signature}}`, Object.fromEntries([[key, value]])]),
    fc.tuple(basics.t, one).map(([key, [signature, value]]): Typed => [`a{t${signature}}`, [[key, value]]]),
    one.map(([signature, value]): Typed => ['v', { signature, value }]),
  );
}

test('any value is the same after it was JSON, and fits its type', () => {
  fc.assert(
    fc.property(typed(3), ([signature, value]) => {
      const type = typeOf(signature);
      assert.equal(misfit(type, value), null);
      const json: unknown = JSON.parse(JSON.stringify(toJson(type, value)));
      assert.deepEqual(fromJson(type, json), value);
    }),
  );
});

test('any JSON for any type is a value that fits, or is said not to', () => {
  fc.assert(
    fc.property(typed(2), fc.jsonValue({ maxDepth: 3 }), ([signature], json) => {
      const type = typeOf(signature);
      const value = fromJson(type, json);
      if (misfit(type, value) === null) toJson(type, value);
    }),
  );
});

test('64 bits are whole as text, and a fraction, a large number or a stray text is none', () => {
  const type = typeOf('t');
  assert.equal(fromJson(type, '18446744073709551615'), 2n ** 64n - 1n);
  assert.equal(toJson(type, 2n ** 64n - 1n), '18446744073709551615');
  assert.equal(toJson(type, 5n), 5);
  for (const json of [1.5, 2 ** 60, '18446744073709551616', '0x5', ' 5', '', -1, true])
    assert.match(misfit(type, fromJson(type, json)) ?? '', /64 bits/, JSON.stringify(json));
});

test('signatures are taken by the rules of the specification alone', () => {
  for (const good of ['', 'a{s(ii)}', 'aaav', `${'a'.repeat(32)}y`, `${'('.repeat(32)}y${')'.repeat(32)}`])
    typesOf(good);
  const bad = ['a', '(', '()', 'a{vs}', 'a{s}', 'a{sss}', '{ss}', 'r', 'as)', `${'a'.repeat(33)}y`, 'y'.repeat(256)];
  for (const one of [...bad, `${'('.repeat(33)}y${')'.repeat(33)}`])
    assert.throws(() => typesOf(one), { code: 'protocol' });
  assert.throws(() => typeOf('ss'));
});
