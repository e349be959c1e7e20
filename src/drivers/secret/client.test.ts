// The secret store in a temporary folder.

import assert from 'node:assert/strict';
import { lstat, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { nodeFiles } from '../files/client.ts';
import { fakeFiles } from '../files/fake.ts';
import { secretStore } from './client.ts';
import { secretSuite } from './suite.ts';

const made: string[] = [];
after(() => Promise.all(made.map((folder) => rm(folder, { recursive: true, force: true }))));

async function folder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'op-dbus-secret-'));
  made.push(path);
  return path;
}

secretSuite('secret store', async () => {
  const files = nodeFiles(await folder());
  return { secrets: secretStore('/s', files), reopen: () => secretStore('/s', files) };
});

test('a kept secret is a 0600 file in a 0700 folder', async () => {
  const root = await folder();
  const secrets = secretStore(undefined, nodeFiles(root));
  secrets.remember('0123456789abcdef', 'x');
  await secrets.keep(['0123456789abcdef']);
  const path = join(root, 'var/lib/op-dbus/secret');
  assert.equal((await lstat(path)).mode & 0o777, 0o700);
  assert.equal((await lstat(join(path, '0123456789abcdef'))).mode & 0o777, 0o600);
});

test('retain leaves files that are no secrets', async () => {
  const files = fakeFiles({ '/s/README': 'by the administrator' });
  await secretStore('/s', files).retain([]);
  assert.deepEqual(await files.list('/s'), ['README']);
});
