// netmaker-first-boot.sh by a real shell, its paths in a temporary folder; the programs that it starts are stood in for.

import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { exec, type ExecResult } from '../../drivers/exec.ts';
import { script } from './script.ts';

const token = 'eyJzZXJ2ZXIiOiJhcGkuZXhhbXBsZS5uZXQiLCJ2YWx1ZSI6IlNFQ1JFVCJ9';

/** `device` is there once the file `address` is; each call of netclient and systemctl is noted in `calls`. */
const programs = {
  wg: '[ -e "$box/address" ]',
  ip: `case "$*" in *address*) [ -e "$box/address" ] && echo "2: netmaker    inet $(cat "$box/address") scope global netmaker" ;; esac`,
  systemctl:
    'echo "systemctl $*" >>"$box/calls"; [ "$1" != start ] || [ ! -e "$box/comes" ] || mv "$box/comes" "$box/address"',
  // Each second is over at once, and after a while so is the test's patience.
  sleep:
    'echo x >>"$box/slept"; [ "$(wc -l <"$box/slept")" -lt 400 ] || kill -KILL $PPID; [ "$1" = 1 ] || sh "$box/between"',
};

type Box = {
  readonly folder: string;
  readonly run: (...args: readonly string[]) => Promise<ExecResult>;
  readonly text: (name: string) => Promise<string>;
  readonly put: (name: string, text: string) => Promise<void>;
};

/** `netclient` is what that does, `between` what happens while the script waits for its next try. */
async function inBox(netclient: string, between: string, body: (box: Box) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'op-mesh-'));
  try {
    await mkdir(`${folder}/bin`);
    const all = { ...programs, netclient: `echo "netclient $1" >>"$box/calls"\n${netclient}` };
    for (const [name, text] of Object.entries(all)) {
      await writeFile(`${folder}/bin/${name}`, `#!/bin/sh\nbox=${folder}\n${text}\n`);
      await chmod(`${folder}/bin/${name}`, 0o755);
    }
    await writeFile(`${folder}/between`, `box=${folder}\n${between}\n`);
    const moved = script
      .replace(/^PATH=/m, `PATH=${folder}/bin:`)
      .replaceAll('/etc/netmaker.env', `${folder}/token`)
      .replaceAll('/etc/netclient', `${folder}/identity`)
      .replaceAll('/var/lib/netmaker-first-boot', `${folder}/home`);
    await writeFile(`${folder}/script`, moved);
    await writeFile(`${folder}/token`, `NETMAKER_TOKEN="${token}"\n`);
    await body({
      folder,
      run: (...args) => exec(['sh', `${folder}/script`, ...args], { deadline: 20_000 }),
      text: (name) => readFile(`${folder}/${name}`, 'utf8').catch(() => ''),
      put: (name, text) => writeFile(`${folder}/${name}`, text),
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

const registers = 'echo "registered with server api.example.net"; exit 2';

test('it joins once, believes the interface and not the exit status, and removes the token', async () => {
  await inBox(registers, '', async ({ folder, run, text, put }) => {
    await put('comes', '10.10.0.2/16');
    const { code, stdout } = await run('join', '51925');
    assert.equal(code, 0, stdout);
    assert.deepEqual(JSON.parse(await text('home/state')), { state: 'joined', address: '10.10.0.2/16', reason: '' });
    assert.equal(existsSync(`${folder}/token`), false);
    assert.match(
      await text('calls'),
      /^netclient join\nsystemctl enable netclient.service\nsystemctl start --no-block/,
    );
    assert.ok(!stdout.includes(token));
  });
});

test('one that is joined is not joined anew, whatever token is put there', async () => {
  await inBox(registers, '', async ({ folder, run, text, put }) => {
    await put('address', '10.10.0.2/16');
    assert.equal((await run('join', '51925')).code, 0);
    assert.equal(await text('calls'), '');
    assert.equal(existsSync(`${folder}/token`), false);
  });
});

test('one that is registered waits for its interface after a boot, without another registration', async () => {
  await inBox(registers, '', async ({ folder, run, text, put }) => {
    await mkdir(`${folder}/home`);
    await put('home/registered', '');
    await rm(`${folder}/token`);
    await put('comes', '10.10.0.9/16');
    assert.equal((await run('join', '51925')).code, 0);
    assert.ok(!(await text('calls')).includes('netclient join'));
    assert.equal((JSON.parse(await text('home/state')) as { readonly address: string }).address, '10.10.0.9/16');
  });
});

test('a failure that ends with status 0 is no join: it waits longer each time, says why, and never says the token', async () => {
  const lies = `
n=$(cat "$box/tries" 2>/dev/null || echo 0)
echo $((n + 1)) >"$box/tries"
[ "$n" -lt 3 ] || { echo "registered with server api.example.net"; mv "$box/later" "$box/comes"; exit 0; }
echo "[netclient] $3 and again $3: registration failed Post \\"https://api.example.net/api/v1/host/register/$3\\": dial tcp: no route to host"`;
  const note = 'cat "$box/home/state" >>"$box/states"';
  await inBox(lies, note, async ({ run, text, put }) => {
    await put('later', '10.10.0.3/16');
    const { code, stdout, stderr } = await run('join', '51925');
    assert.equal(code, 0);
    assert.equal(await text('tries'), '4\n');
    const states = (await text('states')).trim().split('\n');
    assert.equal(states.length, 3);
    for (const line of states) {
      const { state, reason } = JSON.parse(line) as { readonly state: string; readonly reason: string };
      assert.equal(state, 'waiting');
      assert.match(reason, /^netclient join \(exit status 0\): .*register\/\.\.\.: dial tcp: no route to host$/);
    }
    for (const said of [stdout, stderr, ...states]) assert.ok(!said.includes(token.slice(0, 16)), said);
  });
});

test('an identity that a template brought along is gone before the first try, and its own stays after it', async () => {
  const keeps = `
[ ! -e "$box/identity/foreign" ] || echo foreign >>"$box/seen"
[ ! -e "$box/identity/own" ] || { echo own >>"$box/seen"; mv "$box/later" "$box/comes"; echo "registered with server x"; }
mkdir -p "$box/identity" && : >"$box/identity/own"`;
  await inBox(keeps, '', async ({ folder, run, text, put }) => {
    await mkdir(`${folder}/identity`);
    await put('identity/foreign', '');
    await put('later', '10.10.0.3/16');
    assert.equal((await run('join', '51925')).code, 0);
    assert.equal(await text('seen'), 'own\n');
  });
});

test('without a token it says so and waits for one', async () => {
  await inBox(
    registers,
    `cp "$box/home/state" "$box/said"; mv "$box/spare" "$box/token"`,
    async ({ run, text, put, folder }) => {
      await put('spare', await text('token'));
      await rm(`${folder}/token`);
      await put('comes', '10.10.0.2/16');
      assert.equal((await run('join', '51925')).code, 0);
      assert.match(await text('said'), /"waiting".*there is no token/);
    },
  );
});

test('leaving removes identity, state and token', async () => {
  await inBox('', '', async ({ folder, run, text }) => {
    for (const name of ['identity', 'home']) await mkdir(`${folder}/${name}`);
    assert.equal((await run('leave')).code, 0);
    for (const name of ['identity', 'home', 'token']) assert.equal(existsSync(`${folder}/${name}`), false, name);
    assert.match(await text('calls'), /netclient uninstall\nsystemctl disable --now netclient.service/);
  });
});
