// The generic difference.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { canonical, difference, same } from './plan.ts';
import type { Resource } from './resource.ts';

const resources = fc
  .uniqueArray(
    fc.record(
      {
        kind: fc.constantFrom('bridge', 'port'),
        name: fc.constantFrom('a', 'b', 'c'),
        spec: fc.dictionary(fc.constantFrom('x', 'y'), fc.integer({ min: 0, max: 2 }), { noNullPrototype: true }),
      },
      { noNullPrototype: true },
    ),
    { selector: (resource) => `${resource.kind}/${resource.name}` },
  )
  .map((list): readonly Resource[] => list);

test('the difference of a list to itself is empty, whatever the order of its entries', () => {
  fc.assert(fc.property(resources, (list) => assert.deepEqual(difference(list, list.toReversed()), [])));
});

test('putting every change into what was found gives what is wanted', () => {
  fc.assert(
    fc.property(resources, resources, (found, wanted) => {
      const state = new Map(found.map((resource) => [`${resource.kind} ${resource.name}`, resource.spec]));
      for (const change of difference(found, wanted)) {
        assert.equal(canonical(change.before), canonical(state.get(`${change.kind} ${change.name}`) ?? null));
        if (change.after === null) state.delete(`${change.kind} ${change.name}`);
        else state.set(`${change.kind} ${change.name}`, change.after);
      }
      assert.deepEqual(state, new Map(wanted.map((resource) => [`${resource.kind} ${resource.name}`, resource.spec])));
    }),
  );
});

test('keys may come in any order, lists may not', () => {
  assert.equal(canonical({ a: 1, b: [1, { d: 2, c: 3 }] }), canonical({ b: [1, { c: 3, d: 2 }], a: 1 }));
  assert.notEqual(canonical([1, 2]), canonical([2, 1]));
});

/** Of few values, so that they are often alike. */
const few = fc.oneof(
  fc.dictionary(fc.constantFrom('a', 'b'), fc.constantFrom(0, 1, null, 'x')),
  fc.array(fc.constantFrom(0, 1)),
);

test('two values are the same exactly when their canonical text is', () => {
  const value = fc.jsonValue({ maxDepth: 3, depthSize: 'small' });
  const near = value.chain((one) => fc.tuple(fc.constant(one), fc.oneof(value, fc.constant(structuredClone(one)))));
  fc.assert(
    fc.property(fc.oneof(near, fc.tuple(few, few)), ([a, b]) =>
      assert.equal(same(a, b), canonical(a) === canonical(b)),
    ),
  );
  assert.ok(same({ a: 1, b: [{ c: 2, d: undefined }] }, { b: [{ c: 2 }], a: 1 }));
  assert.ok(!same({ a: undefined }, { b: 1 }) && !same([], {}) && !same(null, {}) && !same({ a: 1 }, { a: 1, b: 2 }));
});
