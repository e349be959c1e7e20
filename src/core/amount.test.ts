// Ages and sizes in the largest unit that still says something.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { age, size } from './amount.ts';

test('an age is cut to whole units, the next one from two of it on', () => {
  const ages = [-1, 0, 12.9, 119, 120, 7199, 7200, 172_799, 172_800].map(age);
  assert.deepEqual(ages, ['0 s', '0 s', '12 s', '119 s', '2 min', '119 min', '2 h', '47 h', '2 d']);
});

test('a size has one digit behind the point and never 1024 of a unit', () => {
  const sizes = [0, 1023, 1024, 1_258_291, 1024 ** 2 - 1, 1024 ** 2, 5 * 1024 ** 4].map(size);
  assert.deepEqual(sizes, ['0 B', '1023 B', '1.0 KiB', '1.2 MiB', '1.0 MiB', '1.0 MiB', '5.0 TiB']);
});
