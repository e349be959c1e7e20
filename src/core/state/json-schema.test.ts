// schema/state.json is what the code says.

import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { jsonSchema } from './json-schema.ts';

test('schema/state.json is not stale (UPDATE=1 writes it anew)', () => {
  const file = join(import.meta.dirname, '../../../schema/state.json');
  if (process.env['UPDATE'] === '1') writeFileSync(file, jsonSchema());
  assert.equal(readFileSync(file, 'utf8'), jsonSchema());
});

test('the schema knows both shapes, refuses unknown keys and explains values', () => {
  const text = jsonSchema();
  const schema = JSON.parse(text) as { anyOf: { required?: string[]; additionalProperties: boolean }[] };
  assert.deepEqual(
    schema.anyOf.map(({ required }) => required),
    [['version', 'plugins'], undefined],
  );
  assert.ok(schema.anyOf.every(({ additionalProperties }) => !additionalProperties));
  assert.match(text, /"description": "an IPv4 address with prefix, like 10\.0\.0\.100\/24"/);
});
