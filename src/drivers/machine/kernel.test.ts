// What is told of modules, of tries, of the clock and of modes, with machines made of files and answers.

import assert from 'node:assert/strict';
import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { test } from 'node:test';
import { scriptedExec } from '../exec.fake.ts';
import { fakeFiles } from '../files/fake.ts';
import { thisMachine } from './client.ts';
import { exposure } from './exposure.ts';

const debian = {
  '/proc/sys/kernel/osrelease': '6.1.0-18-amd64\n',
  '/proc/modules': 'veth 36864 0 - Live 0x0000000000000000\n',
  '/lib/modules/6.1.0-18-amd64/modules.builtin': 'kernel/drivers/block/loop.ko\n',
  '/lib/modules/6.1.0-18-amd64/modules.dep':
    'kernel/drivers/net/wireguard/wireguard.ko: kernel/net/ipv4/udp_tunnel.ko\nkernel/net/sched/act-x.ko.xz:\nkernel/drivers/net/veth.ko:\n',
};
const silent = scriptedExec(() => '').exec;

test('a module is loaded, built in, loadable or absent, by what the running kernel has', async () => {
  const machine = thisMachine(silent, fakeFiles({ ...debian, '/sys/module/odd/version': '1' }));
  assert.equal(await machine.kernel(), '6.1.0-18-amd64');
  const found = ['veth', 'loop', 'wireguard', 'act_x', 'act-x', 'udp_tunnel', 'odd', 'guard'];
  assert.deepEqual(await Promise.all(found.map((name) => machine.module(name))), [
    ...['loaded', 'built in', 'loadable', 'loadable', 'loadable', 'absent', 'built in', 'absent'],
  ]);
});

test("another kernel's modules are not this one's", async () => {
  const machine = thisMachine(silent, fakeFiles({ ...debian, '/proc/sys/kernel/osrelease': '6.2.0' }));
  assert.equal(await machine.module('wireguard'), 'absent');
});

test('what would load a module is not tried', async () => {
  const { exec, calls } = scriptedExec(() => '');
  const machine = thisMachine(exec, fakeFiles(debian));
  assert.deepEqual(await machine.attempt('wireguard'), { result: 'loadable', detail: 'wireguard' });
  // In a container the kernel would have it loaded by the machine around.
  const { '/proc/sys/kernel/osrelease': kernel, '/proc/modules': modules } = debian;
  const inside = { '/proc/sys/kernel/osrelease': kernel, '/proc/modules': modules };
  const result = await thisMachine(exec, fakeFiles(inside)).attempt('wireguard');
  assert.deepEqual(result, { result: 'untried', detail: 'wireguard' });
  assert.deepEqual(calls, []);
});

test('a try is made in a network namespace of its own, and what the kernel refuses is told', async () => {
  const { exec, calls } = scriptedExec(([, , , , , ...rest]) =>
    rest.includes('veth') ? '' : { code: 2, stderr: 'Error: Unknown device type.\n' },
  );
  const works = { result: 'works', detail: '' };
  assert.deepEqual(await thisMachine(exec, fakeFiles(debian)).attempt('veth'), works);
  const fails = { result: 'fails', detail: 'Unknown device type.' };
  assert.deepEqual(await thisMachine(exec, fakeFiles()).attempt('wireguard'), fails);
  for (const { argv } of calls) assert.deepEqual(argv.slice(0, 3), ['unshare', '--net', '--']);
  // A kernel that takes no modules can't be made to load one.
  const shut = fakeFiles({ ...debian, '/proc/sys/kernel/osrelease': 'x', '/proc/sys/kernel/modules_disabled': '1\n' });
  assert.deepEqual(await thisMachine(exec, shut).attempt('wireguard'), fails);
});

test('a try without the program that makes it fails and names the program', async () => {
  const machine = thisMachine(scriptedExec(() => undefined).exec, fakeFiles());
  assert.deepEqual(await machine.attempt('tun'), { result: 'fails', detail: 'unshare: not installed' });
});

test('the clock is as systemd says, else as chrony says, else unknown', async () => {
  const ask = (systemd: string | undefined, chrony?: string) =>
    thisMachine(scriptedExec(([name]) => (name === 'timedatectl' ? systemd : chrony)).exec, fakeFiles()).synchronised();
  assert.equal(await ask('yes\n'), true);
  assert.equal(await ask('no\n', 'Leap status     : Normal\n'), false);
  assert.equal(await ask(undefined, 'Stratum : 3\nLeap status     : Normal\n'), true);
  assert.equal(await ask(undefined, 'Leap status     : Not synchronised\n'), false);
  assert.equal(await ask(''), null);
});

test('what contains the machine is named, and none is none', async () => {
  const ask = (answer: object | string) => thisMachine(scriptedExec(() => answer).exec, fakeFiles()).container();
  assert.equal(await ask('lxc\n'), 'lxc');
  assert.equal(await ask({ code: 1, stdout: 'none\n' }), null);
});

test('a file that others may read is exposed, unless a folder above is shut', async (context) => {
  const folder = await mkdtemp(`${tmpdir()}/op-dbus-exposure-`);
  context.after(() => rm(folder, { recursive: true }));
  await chmod(folder, 0o755);
  await mkdir(`${folder}/shut`, { mode: 0o700 });
  for (const [name, mode] of [
    ['a', 0o600],
    ['b', 0o640],
    ['c', 0o666],
    ['shut/d', 0o666],
  ] as const) {
    await writeFile(`${folder}/${name}`, '');
    await chmod(`${folder}/${name}`, mode);
  }
  await symlink('c', `${folder}/e`);
  const own = process.getuid?.() ?? 0;
  assert.deepEqual(await exposure(folder, own), [
    { path: `${folder}/b`, how: 'readable' },
    { path: `${folder}/c`, how: 'writable' },
  ]);
  // What is somebody else's is that one's to change, and to open.
  const others = await exposure(`${folder}/shut`, own + 1);
  assert.deepEqual(others, [
    { path: `${folder}/shut`, how: 'writable' },
    { path: `${folder}/shut/d`, how: 'writable' },
  ]);
});
