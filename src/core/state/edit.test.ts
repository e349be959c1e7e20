// An edit changes what it is told to, and no other character.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { setMembers } from './edit.ts';

test('a member gets its value, and a new one comes last, spaced as its neighbours', () => {
  const text = '{\r\n\t"a" : {\r\n\t\t"x":1 ,\r\n\t\t"y" : [ 2 ]\r\n\t}\r\n}';
  assert.equal(setMembers(text, ['a'], { x: 'é"' }), text.replace('1', JSON.stringify('é"')));
  assert.equal(setMembers(text, ['a'], { z: 5 }), text.replace('[ 2 ]', '[ 2 ] ,\r\n\t\t"z" : 5'));
  assert.equal(setMembers('\ufeff[{}]', [0], { z: 5, q: '$&' }), '\ufeff[{"z": 5,"q": "$&"}]');
  assert.equal(setMembers('{\n  "a": 1\n}\n', [], { b: 2 }), '{\n  "a": 1,\n  "b": 2\n}\n');
});

test('whatever the object, it then has these values and all its others', () => {
  const word = fc.string({ maxLength: 5 }).filter((name) => name !== '__proto__');
  const object = fc.dictionary(word, fc.jsonValue({ maxDepth: 2 }), { maxKeys: 4 });
  const values = fc.dictionary(word, fc.oneof(fc.string(), fc.integer()), { maxKeys: 3 });
  fc.assert(
    fc.property(object, values, fc.constantFrom(0, 2, '\t'), (before, wanted, space) => {
      const text = JSON.stringify({ list: [null, before], after: 1 }, null, space);
      const edited: unknown = JSON.parse(setMembers(text, ['list', 1], wanted));
      const plain: unknown = JSON.parse(JSON.stringify({ list: [null, { ...before, ...wanted }], after: 1 }));
      assert.deepEqual(edited, plain);
    }),
  );
});

test('where there is no object it says so', () => {
  assert.throws(() => setMembers('{"a": [1]}', ['a', 0], { b: 1 }), /no object at a\.0/);
});
