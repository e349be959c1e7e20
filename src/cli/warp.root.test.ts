// op-dbus warp as it is typed, against the stand-ins for Cloudflare's API and for wgcf: too slow for the unit tests.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { standInFor } from '../../test/warp/api.ts';
import { warpBench } from '../../test/warp/bench.ts';
import { parseAccount } from '../core/init/account.ts';
import { exec } from '../drivers/exec.ts';
import { accountPath, profilePath } from '../engine/warp/account.ts';

const { root, api, folder: newFolder, registrations } = warpBench();
const standIn = process.env['OP_DBUS_WGCF'] ?? standInFor(root);

/** The command itself, where it asks the stand-ins. */
async function cli(...words: readonly string[]) {
  const main = join(import.meta.dirname, 'main.ts');
  return exec([process.execPath, main, 'warp', ...words], { env: api().env });
}

function place(): { readonly folder: string; readonly state: string; readonly key: string } {
  const at = newFolder();
  const profile = readFileSync(join(import.meta.dirname, '../../profiles/privacy-client.json'), 'utf8');
  writeFileSync(join(at, 'state.json'), profile, { mode: 0o640 });
  chmodSync(join(at, 'state.json'), 0o640);
  const key = join(at, 'files/warp-tunnel/etc/wireguard/warp-private.key');
  return { folder: join(at, 'warp'), state: join(at, 'state.json'), key };
}

test('register fills in the state file, brings the key beside it, and prints no secret', async () => {
  const { folder, state, key } = place();
  const before = readFileSync(state, 'utf8');
  const shared = ['--folder', folder, '--state', state, '--wgcf', standIn] as const;
  const refused = await cli('register', ...shared);
  assert.equal(refused.code, 1);
  assert.match(
    refused.stderr,
    /--accept-tos: a registration needs your consent to Cloudflare's terms\n {2}Read https:/,
  );
  assert.equal(api().requests.length, 0);
  const done = await cli('register', ...shared, '--accept-tos');
  assert.equal(done.code, 0, done.stderr);
  const account = parseAccount(readFileSync(accountPath(folder), 'utf8'));
  assert.equal(readFileSync(key, 'utf8'), `${account?.privateKey}\n`);
  assert.deepEqual([statSync(key).mode & 0o777, statSync(folder).mode & 0o777], [0o600, 0o700]);
  assert.equal(statSync(state).mode & 0o777, 0o640);
  for (const secret of [account?.privateKey, account?.accessToken, account?.licenseKey])
    assert.ok(!`${done.stdout}${done.stderr}`.includes(secret ?? '?'));
  const changed = lines(before, readFileSync(state, 'utf8'));
  assert.deepEqual(changed, ['"address": "172.16.0.2/32",', `"public_key": "${api().peer}",`, '"mtu": 1280']);
  const again = await cli('register', ...shared, '--json');
  assert.equal(again.code, 0, again.stderr);
  assert.match(again.stderr, /there is an account \([0-9a-f]{8}…\): it is used/);
  const told = JSON.parse(again.stdout) as Readonly<Record<string, unknown>>;
  assert.deepEqual([told['registered'], told['changed'], told['key']], [false, false, key]);
  assert.equal(registrations(), 1);
});

/** Lines that are new. */
function lines(before: string, after: string): readonly string[] {
  const old = new Set(before.split('\n').map((line) => line.trim().replace(/,$/, '')));
  return after
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => !old.has(line.replace(/,$/, '')));
}

test('on a terminal it asks, and takes nothing but yes for a yes', async () => {
  const { folder } = place();
  const main = join(import.meta.dirname, 'main.ts');
  const words = [process.execPath, main, 'warp', 'register', '--folder', folder, '--files', folder, '--wgcf', standIn];
  const typed = (stdin: string) =>
    exec(['script', '--quiet', '--return', '--command', words.join(' '), '/dev/null'], { stdin, env: api().env });
  const no = await typed('y\n');
  assert.equal(no.code, 1);
  assert.match(no.stdout, /Its terms: https:\/\/www\.cloudflare\.com\S+/);
  assert.match(no.stdout, /not agreed: nothing was registered/);
  assert.equal(api().requests.length, 0);
  const yes = await typed('yes\n');
  assert.equal(yes.code, 0, yes.stdout);
  assert.equal(registrations(), 1);
});

test('another key in the files folder stops it before Cloudflare is asked, unless --force', async () => {
  const { folder, state, key } = place();
  mkdirSync(join(key, '..'), { recursive: true });
  writeFileSync(key, 'mine\n');
  const shared = ['--folder', folder, '--state', state, '--wgcf', standIn, '--accept-tos'] as const;
  const refused = await cli('register', ...shared);
  assert.match(refused.stderr, /another private key is there\n.*--force/);
  assert.equal(api().requests.length, 0);
  assert.equal(readFileSync(key, 'utf8'), 'mine\n');
  assert.equal((await cli('register', ...shared, '--force')).code, 0);
  assert.notEqual(readFileSync(key, 'utf8'), 'mine\n');
});

/** The folder of an account. */
async function registered(): Promise<string> {
  const folder = newFolder();
  const done = await cli('register', '--folder', folder, '--files', folder, '--wgcf', standIn, '--accept-tos');
  assert.equal(done.code, 0, done.stderr);
  return folder;
}

test('a wgcf that outlives the command keeps the next one from registering a second time', async () => {
  const { folder } = place();
  const [begun, go] = [join(root, 'begun'), join(root, 'go')];
  const slow = join(root, 'slow');
  // It ends by itself if nobody lets it go on.
  const wait = `touch ${begun}; for i in $(seq 200); do [ -e ${go} ] && break; sleep 0.1; done`;
  writeFileSync(slow, `#!/bin/sh\n${wait}\nexec ${standIn} "$@"\n`, { mode: 0o755 });
  const words = ['warp', 'register', '--folder', folder, '--files', folder, '--wgcf', slow, '--accept-tos'];
  const killed = spawn(process.execPath, [join(import.meta.dirname, 'main.ts'), ...words], {
    stdio: 'ignore',
    env: { ...process.env, ...api().env },
  });
  while (!existsSync(begun)) await sleep(20);
  killed.kill('SIGKILL');
  const early = await cli(...words.slice(1));
  assert.match(early.stderr, /another op-dbus warp is at work/);
  writeFileSync(go, '');
  // On a busy machine what was let go may need longer than a command waits for it.
  let late = early;
  for (let tries = 0; tries < 10 && /is at work/.test(late.stderr); tries += 1) late = await cli(...words.slice(1));
  assert.equal(late.code, 0, late.stderr);
  assert.match(late.stderr, /there is an account/);
  assert.equal(registrations(), 1);
});

test('import takes a profile without asking anybody, and an account with questions alone', async () => {
  const one = await registered();
  const account = parseAccount(readFileSync(accountPath(one), 'utf8'));
  api().requests.length = 0;
  const profile = place();
  const text = readFileSync(profilePath(one), 'utf8');
  writeFileSync(profilePath(one), text.replace('[Peer]', 'PostUp = ovs-vsctl add-port ovsbr0 wg-warp\n[Peer]'));
  const byProfile = await cli('import', profilePath(one), '--folder', profile.folder, '--state', profile.state);
  assert.equal(byProfile.code, 0, byProfile.stderr);
  assert.equal(readFileSync(profile.key, 'utf8'), `${account?.privateKey}\n`);
  assert.match(byProfile.stderr, /PostUp and PostDown of .* are left out/);
  assert.equal(api().requests.length, 0);
  const whole = place();
  const files = join(whole.folder, '../files');
  const byAccount = await cli(
    'import',
    accountPath(one),
    '--folder',
    whole.folder,
    '--files',
    files,
    '--wgcf',
    standIn,
  );
  assert.equal(byAccount.code, 0, byAccount.stderr);
  assert.equal(readFileSync(whole.key, 'utf8'), `${account?.privateKey}\n`);
  assert.match(byAccount.stdout, /"public_key": ".{44}",/);
  assert.equal(api().requests[0], 'GET /reg/ID');
  assert.ok(api().requests.every((one) => one.startsWith('GET ')));
  const other = await registered();
  const refused = await cli('import', accountPath(other), '--folder', whole.folder, '--files', join(root, 'f'));
  assert.match(refused.stderr, /an account of another device is kept here/);
});

test('what is given wrongly is told with what to do', async () => {
  const { folder, state } = place();
  const empty = join(root, 'empty.json');
  writeFileSync(empty, '{"plugins": {}}');
  writeFileSync(join(root, 'page.html'), '<html>');
  writeFileSync(join(root, 'half.conf'), '[Interface]\nPrivateKey = x\n');
  const cases: readonly (readonly [readonly string[], RegExp])[] = [
    [['register', '--state', join(root, 'none.json')], /none\.json: no such file\n.*op-dbus init/],
    [['register', '--state', empty], /expected one container with config\.wg-quick, found 0\n.*privacy-client/],
    [['register', '--wgcf', join(root, 'none'), '--files', root], /--wgcf: .*none: not a program/],
    [['register', '--wgcf', root, '--files', root], /--wgcf: \S+: not a program\n.*a file\?/],
    [['register', '--tries', '0'], /expected a number from 1 to 9/],
    [['import', join(root, 'none.conf')], /none\.conf: no such file\n.*wgcf-profile\.conf/],
    [['import', root], /^error\[usage\] \S+: can't be read: no regular file/],
    [['import', join(root, 'page.html')], /page\.html: neither a profile nor an account/],
    [['import', join(root, 'half.conf')], /half\.conf: .*\[Peer\] section, found 0/],
    [['import', state], /neither a profile nor an account/],
  ];
  const said = await Promise.all(cases.map(([words]) => cli(...words, '--folder', folder)));
  for (const [index, [words, wanted]] of cases.entries()) {
    assert.equal(said[index]?.code, 1, words.join(' '));
    assert.match(said[index]?.stderr ?? '', wanted);
  }
  assert.equal(api().requests.length, 0);
});
