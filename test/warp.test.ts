// op-dbus warp against a stand-in for Cloudflare's API, by a stand-in for wgcf; by the real one too where OP_DBUS_WGCF names it.

import assert from 'node:assert/strict';
import { chmodSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { wireguardKeys } from '../src/cli/generate.ts';
import { type Exec, exec } from '../src/drivers/exec.ts';
import { nodeFiles } from '../src/drivers/files/client.ts';
import { wgcf } from '../src/drivers/wgcf/client.ts';
import { accountPath, alone, profilePath } from '../src/engine/warp/account.ts';
import { type Given, register } from '../src/engine/warp/register.ts';
import { warpBench } from './warp/bench.ts';
import { standIn } from './warp/wgcf.ts';

const real = process.env['OP_DBUS_WGCF'];
const within: Exec = ([, ...args], options) => standIn(args, { ...process.env, ...options?.env });
const programs: readonly (readonly [string, Exec])[] = [
  ['the stand-in', within],
  ...(real === undefined ? [] : [['the real wgcf', outside(real)] as const]),
];
const { api, folder: newFolder, registrations } = warpBench();

function outside(path: string): Exec {
  return ([, ...args], options) => exec([path, ...args], options);
}

/** What a registration is given, in a new folder; `argv` and `waits` are noted, and nothing is waited for. */
function given(program: Exec, more: Partial<Given> = {}) {
  const folder = newFolder();
  const [argv, waits, said] = [[] as string[], [] as number[], [] as string[]];
  const led: Exec = (words, options) => {
    argv.push(...words);
    return program(words, { ...options, env: { ...options?.env, ...api().env } });
  };
  const all: Given = {
    files: nodeFiles(),
    folder,
    wgcf: () => Promise.resolve(wgcf(led, 'wgcf')),
    consent: () => Promise.resolve(),
    tries: 3,
    pause: (time) => Promise.resolve(waits.push(time)),
    say: (line) => void said.push(line),
    now: () => new Date('2026-11-24T21:40:00Z'),
    ...more,
  };
  return { given: all, folder, argv, waits, said };
}

for (const [name, program] of programs) {
  test(`${name} registers once, and both files are for their owner alone`, async (t) => {
    if (name === 'the stand-in' && real === undefined)
      t.diagnostic('OP_DBUS_WGCF names no real wgcf: only the stand-in was used');
    const one = given(program);
    const first = await register(one.given);
    assert.equal(first.fresh, true);
    assert.equal(first.type, 'free');
    assert.equal(api().devices.get(first.account.deviceId)?.token, first.account.accessToken);
    assert.equal(first.warp.publicKey, api().peer);
    assert.deepEqual([first.warp.address, first.warp.mtu], ['172.16.0.2/32', 1280]);
    assert.equal(first.warp.endpoint, 'engage.cloudflareclient.com:2408');
    for (const path of [accountPath(one.folder), profilePath(one.folder)])
      assert.equal(statSync(path).mode & 0o777, 0o600, path);
    const again = await register(one.given);
    assert.deepEqual(again, { ...first, fresh: false });
    assert.equal(registrations(), 1);
    const secrets = [first.account.privateKey, first.account.accessToken, first.account.licenseKey];
    for (const secret of secrets) assert.ok(!one.argv.join(' ').includes(secret));
  });

  test(`"too many" is waited out with ${name}, longer each time`, async () => {
    const one = given(program);
    api().refuse.many = 2;
    await register(one.given);
    assert.deepEqual(one.waits, [30_000, 60_000]);
    assert.match(one.said[1] ?? '', /"too many" \(429\): try 3 of 3 in 60 s/);
    assert.equal(registrations(), 3);
  });

  test(`after the last try with ${name} it is said when to try again, and no account is left`, async () => {
    const one = given(program, { tries: 2 });
    api().refuse.many = 9;
    await assert.rejects(register(one.given), (error: Error & { hint?: string }) => {
      assert.match(error.message, /"too many" \(429\) to this address, 2 times/);
      assert.match(error.hint ?? '', /in 30 minutes, after 22:10 UTC/);
      return true;
    });
    assert.deepEqual(one.waits, [30_000]);
    assert.equal(registrations(), 2);
    assert.throws(() => statSync(accountPath(one.folder)), /ENOENT/);
  });

  test(`an account that was made is used, whatever fails after that in ${name}`, async () => {
    const one = given(program);
    api().refuse.broken = 1;
    assert.equal((await register(one.given)).fresh, true);
    assert.equal(registrations(), 1);
    const other = given(program);
    api().refuse.broken = 2;
    await assert.rejects(register(other.given), /wgcf: 502/);
    assert.equal(registrations(), 2);
    await register(other.given);
    assert.equal(registrations(), 2);
  });

  test(`what ${name} says of a failure holds no id and no key`, async () => {
    const one = given(program);
    const { account } = await register(one.given);
    const nobody = 'http://127.0.0.1:1';
    const away: Exec = (words, options) =>
      program(words, { ...options, env: { ...options?.env, ...api().env, HTTPS_PROXY: nobody, https_proxy: nobody } });
    const cut = { ...one.given, wgcf: () => Promise.resolve(wgcf(away, 'wgcf')) };
    await assert.rejects(register(cut), (error: Error & { hint?: string }) => {
      assert.match(error.message, /Cloudflare's API can't be reached: .*(refused|dial)/);
      assert.ok(!error.message.includes(account.deviceId), error.message);
      return true;
    });
  });
}

test('two commands at once come to one registration, in a folder that is for its owner alone', async () => {
  const one = given(within);
  const folder = join(one.folder, 'warp');
  const both = await Promise.all(
    [1, 2].map(() => alone(one.given.files, folder, () => register({ ...one.given, folder }))),
  );
  assert.equal(registrations(), 1);
  assert.equal(both[0]?.account.deviceId, both[1]?.account.deviceId);
  assert.equal(statSync(folder).mode & 0o777, 0o700);
  chmodSync(folder, 0o750);
  await assert.rejects(
    alone(one.given.files, folder, () => Promise.resolve()),
    { message: /others can look into this folder/, hint: /for the account alone: chmod 700 / },
  );
});

test('what an answer or a hostile program says is cleared of keys, tokens and licences', async () => {
  const { account } = await register(given(within).given);
  const { privateKey, accessToken, licenseKey } = account;
  const secrets = [privateKey, accessToken, licenseKey, '1a2B3c4D-5e6F7g8H-9i0J1k2L'];
  const talks: Exec = () => Promise.resolve({ code: 1, stdout: '', stderr: `400 ${secrets.join(' and ')}` });
  const ran = await wgcf(talks, 'wgcf').register('a');
  assert.deepEqual(ran, { ok: false, cause: 'other', why: '400 … and … and … and …' });
});

test('settings of wgcf in the environment do not stand in for the account', async () => {
  const one = given(within);
  process.env['WGCF_DEVICE_ID'] = process.env['WGCF_ACCESS_TOKEN'] = process.env['WGCF_PRIVATE_KEY'] = 'x';
  try {
    assert.equal((await register(one.given)).fresh, true);
  } finally {
    for (const key of ['DEVICE_ID', 'ACCESS_TOKEN', 'PRIVATE_KEY']) delete process.env[`WGCF_${key}`];
  }
});

test('a profile that can not be read is made anew', async () => {
  const one = given(within);
  const { warp } = await register(one.given);
  writeFileSync(profilePath(one.folder), 'half');
  assert.deepEqual((await register(one.given)).warp, warp);
  assert.match(readFileSync(profilePath(one.folder), 'utf8'), /^\[Interface\]/);
});

test('a profile with the key of another device is refused, and none of it is left', async () => {
  const one = given(within);
  await register(one.given);
  const other: Exec = async (words, options) => {
    const ran = await within(words, { ...options, env: { ...options?.env, ...api().env } });
    const path = words.at(-1) ?? '';
    const key = wireguardKeys().privateKey;
    writeFileSync(path, readFileSync(path, 'utf8').replace(/^PrivateKey = .*$/m, `PrivateKey = ${key}`));
    return ran;
  };
  const before = readFileSync(profilePath(one.folder), 'utf8');
  const changed = { ...one.given, wgcf: () => Promise.resolve(wgcf(other, 'wgcf')) };
  await assert.rejects(register(changed), { code: 'check', message: /another key than the account's/ });
  assert.equal(readFileSync(profilePath(one.folder), 'utf8'), before);
  assert.deepEqual(readdirSync(one.folder).toSorted(), ['account-type', 'wgcf-account.toml', 'wgcf-profile.conf']);
});

test('what is no account is never written over', async () => {
  const one = given(within);
  writeFileSync(accountPath(one.folder), "device_id = 'half");
  await assert.rejects(register(one.given), /is no account that wgcf wrote/);
  assert.equal(readFileSync(accountPath(one.folder), 'utf8'), "device_id = 'half");
  assert.equal(api().requests.length, 0);
});
