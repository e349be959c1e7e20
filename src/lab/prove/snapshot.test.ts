// Snapshots of a lab host and what differs between two.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { tally } from './row.ts';
import { differences } from './snapshot.ts';

test('equal snapshots do not differ', () => {
  assert.deepEqual(differences({ links: ['lo', 'eth0'] }, { links: ['lo', 'eth0'] }), []);
});

test('what is new, gone or changed is named with its aspect, also in an aspect that only one side has', () => {
  const before = { links: ['lo'], tables: ['table inet a'] };
  const after = { links: ['lo', 'ovsbr0'], files: ['left'] };
  assert.deepEqual(differences(before, after), ['links: + ovsbr0', 'tables: - table inet a', 'files: + left']);
});

test('a line that is there once more than before is new', () => {
  assert.deepEqual(differences({ tables: ['}'] }, { tables: ['}', '}'] }), ['tables: + }']);
});

test('a tally names the most frequent words and counts the rest', () => {
  assert.equal(tally(['b', 'a', 'b']), '2 × b, 1 × a');
  assert.equal(tally([]), 'nothing');
  assert.match(tally(['a', 'b', 'c', 'd', 'e', 'f', 'g']), /, and 1 more$/);
});
