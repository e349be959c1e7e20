// docs/state.md lists every key of the state file.

import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { reference } from './reference.ts';

const file = 'docs/state.md';
const mark = '<!-- the rest of this page is generated from src/core/state/schema.ts -->\n';

test('the table in docs/state.md is not stale (UPDATE=1 writes it anew)', () => {
  const [head = ''] = readFileSync(file, 'utf8').split(mark);
  const text = `${head}${mark}\n${reference()}\n`;
  if (process.env['UPDATE'] === '1') writeFileSync(file, text);
  assert.equal(readFileSync(file, 'utf8'), text);
});

test('the table has the keys of every part of the file', () => {
  for (const key of [
    'lxc.containers[].network.ipv4',
    'lxc.containers[].config.wg0.peers[].allowed_ips',
    'openflow.flow_policies[].template.actions[].type',
  ])
    assert.match(reference(), new RegExp(`\\| \`${key.replaceAll(/[[\].*]/g, '\\$&')}\` \\|`));
});
