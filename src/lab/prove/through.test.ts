// How much is downloaded to measure a throughput.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { worthwhile } from './through.ts';

test('a download that measures takes about two seconds, and is neither tiny nor beyond its bound', () => {
  assert.equal(worthwhile(8, 25_000_000), 2_000_000);
  assert.equal(worthwhile(500, 25_000_000), 25_000_000);
  assert.equal(worthwhile(0.1, 25_000_000), 250_000);
  assert.equal(worthwhile(33.3333, 250_000_000), 8_333_325);
});
