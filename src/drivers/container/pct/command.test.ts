// What pct says when it fails becomes an error that tells what to do; Proxmox's locks are waited for.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { scriptedExec } from '../../exec.fake.ts';
import { pctCommand, told } from './command.ts';

const failures: readonly (readonly [string, { code: string; message: RegExp; hint: RegExp }])[] = [
  ['CT is locked (backup)', { code: 'host', message: /holds container 104 .*\(backup\)/, hint: /pct unlock 104/ }],
  [
    "trying to acquire lock...\ncan't lock file '/run/lock/lxc/pve-config-104.lock' - got timeout",
    {
      code: 'timeout',
      message: /pct set 104: can't lock file/,
      hint: /fuser -v \/run\/lock\/lxc\/pve-config-104.lock/,
    },
  ],
  [
    "CT 104 already exists on node 'pve2'",
    { code: 'foreign', message: /already exists/, hint: /id 104 is taken on node pve2/ },
  ],
  ["storage 'fast' does not exist", { code: 'host', message: /storage 'fast'/, hint: /pvesm status/ }],
  ["bridge 'mesh' does not exist", { code: 'host', message: /bridge 'mesh'/, hint: /no bridge mesh/ }],
  [
    "can't remove CT 104 - protection mode enabled",
    { code: 'host', message: /protection/, hint: /pct set 104 --protection 0/ },
  ],
  ['cluster not ready - no quorum?', { code: 'host', message: /no quorum/, hint: /pvecm status/ }],
  [
    '400 Parameter verification failed.\nhostname: invalid format - value does not look like a valid DNS name\n\npct set <vmid> [OPTIONS]',
    { code: 'host', message: /^pct set 104: hostname: invalid format/, hint: /^$/ },
  ],
];

for (const [stderr, { code, message, hint }] of failures)
  test(`"${stderr.split('\n')[0]}" is passed on with what to do`, () => {
    const error = told('set', 104, { code: 255, stdout: '', stderr });
    assert.equal(error.code, code);
    assert.match(error.message, message);
    assert.match(error.hint ?? '', hint);
    assert.equal(error.at, 'container 104');
  });

test('a task of Proxmox is waited for, and named when it does not end', async () => {
  const locks: (string | null)[] = ['snapshot', 'snapshot', null];
  const { exec, calls } = scriptedExec(() => 'done');
  const pct = pctCommand(exec, async () => (locks.length > 1 ? (locks.shift() ?? null) : (locks[0] ?? null)), 1000);
  assert.equal(await pct.run('set', 104, ['--onboot', '1']), 'done');
  assert.deepEqual(
    calls.map(({ argv }) => argv),
    [['pct', 'set', '104', '--onboot', '1']],
  );
  const held = pctCommand(exec, async () => 'backup', 0);
  await assert.rejects(held.run('set', 104), { code: 'host', message: /\(backup\)/, hint: /pct unlock 104/ });
  assert.equal(calls.length, 1);
});
