// Which way a root is made, by what works when it is tried.

import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { type Exec, exec } from '../exec.ts';
import { layout, rootPath } from './copy.ts';

/** Tries succeed or fail by the program and arguments that `works` names; all else runs for real. */
async function chosen(works: readonly string[]): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'op-copy-'));
  const scripted: Exec = async (argv, options) => {
    if (argv[0] === 'rm' || argv[0] === 'find') return exec(argv, options);
    return { code: works.some((word) => argv.includes(word)) ? 0 : 1, stdout: '', stderr: '' };
  };
  try {
    await mkdir(join(folder, 'tree'));
    const found = await layout(scripted, join(folder, 'tree'), join(folder, 'lxc'));
    assert.deepEqual(await readdir(join(folder, 'lxc')), [], 'the trial left something');
    return found;
  } finally {
    await rm(folder, { recursive: true });
  }
}

test('what shares most is taken first, and a full copy last', async () => {
  assert.equal(await chosen(['--reflink=always', 'overlay']), 'reflink');
  assert.equal(await chosen(['overlay']), 'overlay');
  assert.equal(await chosen([]), 'copy');
});

test('an overlay is tried as LXC mounts it, in a user namespace', async () => {
  assert.equal(await chosen(['--user']), 'overlay');
});

test('LXC is told of an overlay by its two folders, of all else by one', () => {
  assert.deepEqual(rootPath('overlay', '/t', '/c'), { lxc: 'overlay:/t:/c/upper', upper: '/c/upper' });
  assert.deepEqual(rootPath('btrfs', '/t', '/c'), { lxc: 'dir:/c/rootfs', upper: '/c/rootfs' });
});
