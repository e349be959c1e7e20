// A container gets a profile where LXC can load one, and only there.

import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { after, test } from 'node:test';
import { OpError } from '../../error.ts';
import type { Exec } from '../exec.ts';
import { confines } from './apparmor.ts';

const folder = await mkdtemp(`${tmpdir()}/op-dbus-apparmor-`);
after(() => rm(folder, { recursive: true }));

const installed: Exec = async () => ({ code: 0, stdout: 'AppArmor parser version 3.0.8', stderr: '' });
const absent: Exec = () => Promise.reject(new OpError('host', 'apparmor_parser: not installed'));

async function sys(name: string, { enabled, policy }: { enabled?: string; policy?: true }): Promise<string> {
  const root = `${folder}/${name}`;
  await mkdir(`${root}/module/apparmor/parameters`, { recursive: true });
  await mkdir(`${root}/kernel/security/apparmor`, { recursive: true });
  if (enabled !== undefined) await writeFile(`${root}/module/apparmor/parameters/enabled`, enabled);
  if (policy) await writeFile(`${root}/kernel/security/apparmor/.replace`, '');
  return root;
}

test('a profile is generated where the kernel, its policy and the parser are all at hand', async () => {
  assert.equal(await confines(installed, await sys('all', { enabled: 'Y\n', policy: true })), true);
});

test("without the parser there is none, though the kernel's AppArmor is on", async () => {
  assert.equal(await confines(absent, await sys('parserless', { enabled: 'Y\n', policy: true })), false);
});

test('without securityfs, with AppArmor off or absent there is none', async () => {
  assert.equal(await confines(installed, await sys('unreachable', { enabled: 'Y\n' })), false);
  assert.equal(await confines(installed, await sys('off', { enabled: 'N\n', policy: true })), false);
  assert.equal(await confines(installed, await sys('absent', { policy: true })), false);
});
