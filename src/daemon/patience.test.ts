// Patience with what is undone again and again.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { patience } from './patience.ts';

test('five times within a minute are put right at once; the sixth is held, and others are not', () => {
  const one = patience();
  for (let round = 0; round < 5; round += 1) assert.equal(one.mended('flow br', round * 1000), null);
  const hold = one.mended('flow br', 5000);
  assert.deepEqual(hold, { what: 'flow br', until: 35_000, times: 1 });
  assert.equal(one.allows('flow br', 34_999), false);
  assert.equal(one.allows('filter host', 6000), true);
  assert.equal(one.allows('flow br', 35_000), true);
  assert.deepEqual(one.held(6000), [hold]);
  assert.deepEqual(one.held(35_000), []);
});

test('rarely undone is never held', () => {
  const one = patience();
  for (let round = 0; round < 100; round += 1) assert.equal(one.mended('flow br', round * 13_000), null);
});

test('what cannot be put right is tried after 1, 2, 4 … seconds, ten minutes at most, and after a long quiet from 1 again', () => {
  const one = patience();
  let now = 0;
  const waits: number[] = [];
  for (let round = 0; round < 12; round += 1) {
    const { until } = one.failed('container a', now);
    waits.push((until - now) / 1000);
    now = until;
  }
  assert.deepEqual(waits.slice(0, 4), [1, 2, 4, 8]);
  assert.equal(waits.at(-1), 600);
  assert.equal(one.failed('container a', now + 600_001).times, 1);
  one.forget();
  assert.ok(one.allows('container a', now));
});
