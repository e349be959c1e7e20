// What a terminal would obey is shown, not done.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { plainly } from './output.ts';

test('control characters are shown by number, and line breaks, tabs and letters stay', () => {
  assert.equal(plainly('a\x1b[31mb\x07\x9b2J\r\x7f'), 'a\\u001b[31mb\\u0007\\u009b2J\\u000d\\u007f');
  assert.equal(plainly('one\n\ttwo – ж 漢'), 'one\n\ttwo – ж 漢');
  assert.equal(plainly('a\u202eb\u2028'), 'a\\u202eb\\u2028');
});

test('a JSON text stays one, with the same value', () => {
  const value = { text: 'a\x1b\x9b\x7f\n' };
  assert.deepEqual(JSON.parse(plainly(JSON.stringify(value))), value);
});
