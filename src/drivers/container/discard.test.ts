// Removing trees, with and without subvolumes. The real ones are in copy.root.test.ts.

import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { scriptedExec } from '../exec.fake.ts';
import { exec } from '../exec.ts';
import { BTRFS, discard } from './discard.ts';

const btrfs = async (): Promise<number> => BTRFS;

test('a folder goes with all that is in it, and one that is not there is no trouble', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'op-discard-'));
  try {
    await mkdir(join(folder, 'a/b'), { recursive: true });
    await writeFile(join(folder, 'a/b/c'), '');
    await discard(exec, join(folder, 'a'));
    await discard(exec, join(folder, 'a'));
    assert.deepEqual(await readdir(folder), []);
  } finally {
    await rm(folder, { recursive: true });
  }
});

test('on btrfs the subvolumes go first, inner ones before outer ones, and what fails is told', async () => {
  const { exec: scripted, calls } = scriptedExec(() => '');
  await discard(scripted, '/no/such', btrfs);
  assert.deepEqual(
    calls.map(({ argv }) => argv[0]),
    ['find', 'rm'],
  );
  assert.match(calls[0]?.argv.join(' ') ?? '', /^find \/no\/such -depth .* btrfs subvolume delete -- \{\} \+$/);
  const failing = scriptedExec(([program]) => (program === 'find' ? { code: 1, stderr: 'ERROR: busy' } : ''));
  await assert.rejects(discard(failing.exec, '/no/such', btrfs), { code: 'host', message: /busy/ });
  assert.equal(failing.calls.length, 1);
});

test('where something is mounted below, no subvolume is touched', async () => {
  const { exec: scripted, calls } = scriptedExec(() => '');
  const mounts = (await readFile('/proc/self/mountinfo', 'utf8')).split('\n').map((line) => line.split(' ')[4] ?? '');
  const deep = mounts.find((mount) => /^(\/\w+){2,}$/.test(mount));
  assert.ok(deep !== undefined, 'nothing is mounted below a folder here');
  await assert.rejects(discard(scripted, dirname(deep), btrfs), {
    code: 'host',
    message: /something is mounted on \//,
  });
  assert.equal(calls.length, 0);
});
