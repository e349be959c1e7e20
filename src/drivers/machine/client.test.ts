// The machine that runs the tests, and machines with another kernel or resolver.

import assert from 'node:assert/strict';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { test } from 'node:test';
import { scriptedExec } from '../exec.fake.ts';
import { exec } from '../exec.ts';
import { nodeFiles } from '../files/client.ts';
import { fakeFiles } from '../files/fake.ts';
import { thisMachine } from './client.ts';
import { machineSuite } from './suite.ts';
import { locked } from '../lock.ts';

machineSuite('this machine', async () => thisMachine(exec, nodeFiles()));

test('the kernel datapath is there when its module is loaded or could be', async () => {
  const machine = (code: number, files = fakeFiles()) => thisMachine(scriptedExec(() => ({ code })).exec, files);
  assert.equal(await machine(1, fakeFiles({ '/sys/module/openvswitch/refcnt': '0' })).datapath(), 'system');
  assert.equal(await machine(0).datapath(), 'system');
  assert.equal(await machine(1).datapath(), 'netdev');
});

test('asking for a module loads nothing', async () => {
  const { exec: scripted, calls } = scriptedExec(() => '');
  await thisMachine(scripted, fakeFiles()).datapath();
  assert.deepEqual(
    calls.map(({ argv }) => argv),
    [['modprobe', '-n', '-q', 'openvswitch']],
  );
});

test('without modprobe there is the userspace datapath', async () => {
  assert.equal(await thisMachine(scriptedExec(() => undefined).exec, fakeFiles()).datapath(), 'netdev');
});

test('name servers are taken in order, once, without comments, IPv6 and loopback', async () => {
  const text =
    '# nameserver 198.51.100.9\nnameserver 192.0.2.2\nsearch lan\nnameserver 127.0.0.53\nnameserver\t192.0.2.1\nnameserver 2001:db8::1\nnameserver 192.0.2.2\n';
  const machine = thisMachine(scriptedExec(() => text).exec, fakeFiles());
  assert.deepEqual(await machine.nameservers(), ['192.0.2.2', '192.0.2.1']);
});

test("behind systemd-resolved's stub its real name servers are taken", async () => {
  const files = fakeFiles({ '/run/systemd/resolve/resolv.conf': 'nameserver 192.0.2.7\n' });
  const machine = thisMachine(scriptedExec(() => 'nameserver 127.0.0.53\n').exec, files);
  assert.deepEqual(await machine.nameservers(), ['192.0.2.7']);
});

test('no resolv.conf at all means no name servers', async () => {
  assert.deepEqual(await thisMachine(scriptedExec(() => ({ code: 1 })).exec, fakeFiles()).nameservers(), []);
});

test('a lock is seen while somebody has it, and asking neither makes the file nor takes it away', async (context) => {
  const folder = await mkdtemp(`${tmpdir()}/op-dbus-held-`);
  context.after(() => rm(folder, { recursive: true }));
  const machine = thisMachine(exec, nodeFiles());
  const path = `${folder}/lock`;
  assert.equal(await machine.held(path), false);
  assert.deepEqual(await readdir(folder), []);
  await locked(path, 'test', async () => assert.equal(await machine.held(path), true));
  await writeFile(path, '');
  assert.equal(await machine.held(path), false);
});
