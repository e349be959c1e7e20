// What is sealed of a state file, and that it can be had back.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { credentials, fingerprint, reveal, sealed } from './secret.ts';

const id = '6ba7b810-9dad-41d1-80b4-00c04fd430c8';
const text = `{"id": "${id}", "port": 443, "name": "de", "shortIds" : ["0a1b", "ff"], "reality": {"short_id": "6ba7b8109dad11d1"}}`;

test('what a state file lets in is sealed: its UUIDs and short ids, and nothing else', () => {
  assert.deepEqual(credentials(text).toSorted(), ['0a1b', id, '6ba7b8109dad11d1', 'ff'].toSorted());
  const shut = sealed(text);
  for (const one of credentials(text)) assert.ok(!shut.includes(`"${one}"`), one);
  assert.match(shut, /"port": 443, "name": "de"/);
});

test('sealed twice it is the same, and revealed it is the file again', () => {
  const shut = sealed(text);
  assert.equal(sealed(shut), shut);
  const known = new Map(credentials(text).map((one) => [fingerprint(one), one]));
  assert.equal(
    reveal(shut, (one) => known.get(one) ?? ''),
    text,
  );
});
