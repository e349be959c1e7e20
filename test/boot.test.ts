// The units installed and uninstalled on a fake systemd, and who opens what the boot has shut.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { scriptedExec } from '../src/drivers/exec.fake.ts';
import type { FakeFiles } from '../src/drivers/files/fake.ts';
import type { Host } from '../src/drivers/host.ts';
import { fakeMachine } from '../src/drivers/machine/fake.ts';
import { daemon } from '../src/daemon/daemon.ts';
import { apply } from '../src/engine/apply.ts';
import { BLOCK, isShut, reopen } from '../src/engine/boot/block.ts';
import { install, serviceState, uninstall } from '../src/engine/boot/install.ts';
import { blocker, pathOf, service, unitTexts } from '../src/engine/boot/unit.ts';
import { parsed } from '../src/engine/load.ts';
import { transact } from '../src/engine/transact.ts';
import { fakeHost, trials } from './fake-host.ts';
import { client, machine, texts } from './machine.ts';

const folder = '/opt/op-dbus';
const table = `table inet ${BLOCK} {\n\tchain forward {\n\t\ttype filter hook forward priority -2147483648; policy drop;\n\t}\n}`;

type Booted = { readonly host: Host & { readonly files: FakeFiles }; readonly said: string[] };

/** A host with systemd as its first process: units are there by their files, enabled by links, and started. */
async function booted({ broken = false } = {}): Promise<Booted> {
  const host = fakeHost();
  await host.files.write('/run/systemd/system', '');
  const enabled = new Set<string>();
  const active = new Set<string>();
  const said: string[] = [];
  const { exec } = scriptedExec(([program, verb = '', ...args]) => {
    assert.equal(program, 'systemctl');
    const units = args.filter((one) => one.endsWith('.service'));
    if (verb === 'show') return shown(units[0] ?? '', host.files, enabled, active);
    said.push([verb, ...args].join(' '));
    if (broken && verb === 'start') return { code: 1, stderr: 'Job for it failed.\nSee "systemctl status".' };
    for (const unit of units) {
      assert.ok(
        verb === 'reset-failed' || unit === 'dbus.service' || host.files.entries.has(pathOf(unit)),
        `${verb} ${unit}: no such unit`,
      );
      if (verb === 'enable') enabled.add(unit);
      if (['start', 'restart'].includes(verb)) active.add(unit);
      if (verb === 'disable') enabled.delete(unit);
      if (verb === 'disable' && args.includes('--now')) active.delete(unit);
    }
    return '';
  });
  return { host: { ...host, exec, machine: fakeMachine({ programs: { nft: '/usr/sbin/nft' } }) }, said };
}

function shown(unit: string, files: FakeFiles, enabled: Set<string>, active: Set<string>): string {
  const runs = active.has(unit);
  const there = files.entries.has(pathOf(unit));
  return [
    ...[`MainPID=${runs ? 7 : 0}`, `NRestarts=${runs ? 2 : 0}`, `LoadState=${there ? 'loaded' : 'not-found'}`],
    ...[`ActiveState=${runs ? 'active' : 'inactive'}`, `SubState=${runs ? 'running' : 'dead'}`],
    `UnitFileState=${enabled.has(unit) ? 'enabled' : there ? 'disabled' : ''}`,
  ].join('\n');
}

test('installing writes, enables both, and starts the daemon alone; a second time there is nothing to do', async () => {
  const { host, said } = await booted();
  const before = [...host.files.entries.keys()];
  await install(host, folder);
  assert.deepEqual(said, ['daemon-reload', 'reload dbus.service', `enable ${service} ${blocker}`, `start ${service}`]);
  for (const [name, text] of Object.entries(unitTexts(folder)))
    assert.deepEqual(host.files.entries.get(pathOf(name)), { content: text, mode: 0o644 });
  assert.deepEqual(await install(host, folder), []);
  assert.equal(said.length, 4);
  const { units, shut } = await serviceState(host);
  assert.deepEqual(units[0], {
    ...{ name: service, load: 'loaded', enabled: 'enabled', active: 'active', sub: 'running' },
    ...{ pid: 7, restarts: 2 },
  });
  assert.equal(shut, false);
  await host.nft.replace(BLOCK, table);
  assert.ok((await uninstall(host, folder)).includes('forwarding is no longer shut'));
  assert.deepEqual([...host.files.entries.keys()], before);
  assert.equal(await isShut(host), false);
  assert.deepEqual(await uninstall(host, folder), []);
});

test('what keeps the blocker from shutting a host at work is there before systemd knows the unit', async () => {
  const { host } = await booted();
  const order: string[] = [];
  const write: typeof host.files.write = (path, ...rest) => {
    order.push(path);
    return host.files.write(path, ...rest);
  };
  await install({ ...host, files: { ...host.files, write } }, folder);
  assert.deepEqual(order, ['/run/op-dbus-blocker/installed', ...Object.keys(unitTexts(folder)).map(pathOf)]);
  assert.match(unitTexts(folder)[blocker] ?? '', /^ConditionPathExists=!\/run\/op-dbus-blocker$/m);
});

test('a unit that is not ours is named, and all stays as it is', async () => {
  for (const name of [service, blocker])
    for (const action of [install, uninstall]) {
      const { host, said } = await booted();
      await host.files.write(pathOf(name), '[Unit]\n');
      const before = [...host.files.entries];
      await assert.rejects(action(host, folder), { code: 'foreign', at: pathOf(name) });
      assert.deepEqual([...host.files.entries], before);
      assert.deepEqual(said, []);
    }
});

test('an installation that has moved is written anew, and its daemon started anew', async () => {
  const { host, said } = await booted();
  await install(host, folder);
  said.length = 0;
  await install(host, '/srv/op-dbus');
  assert.deepEqual(said, ['daemon-reload', `restart ${service}`]);
});

test('a daemon that does not start is an error with the place to look', async () => {
  const { host } = await booted({ broken: true });
  const wrong = { code: 'host', message: `systemctl start ${service}: Job for it failed.`, hint: /^journalctl/ };
  await assert.rejects(install(host, folder), wrong);
});

test('without systemd nothing is touched, and what to do instead is said', async () => {
  const { host, said } = await booted();
  await host.files.remove('/run/systemd/system');
  for (const action of [install, uninstall])
    await assert.rejects(action(host, folder), { code: 'host', hint: /\/opt\/op-dbus\/bin\/op-dbus daemon$/ });
  assert.deepEqual([said, host.files.entries.size], [[], 0]);
});

/** A machine that has been booted: shut. */
async function shutMachine(): Promise<Host> {
  const host = await machine();
  const names = { 'engage.cloudflareclient.com': ['162.159.192.1'], 'vps.example.net': ['95.216.30.2'] };
  const programs = { nft: '/usr/sbin/nft' };
  await host.nft.replace(BLOCK, table);
  return { ...host, machine: fakeMachine({ trials, names, programs, nameservers: ['9.9.9.9'], datapath: 'netdev' }) };
}

const loaded = parsed({ file: 'state.json', text: client, filesFolder: '/golden/files' });

test('an apply that succeeds opens what the boot has shut, also when it changes nothing; one that fails does not', async () => {
  const host = await shutMachine();
  const failing: Host = { ...host, openflow: { ...host.openflow, bundle: () => Promise.reject(new Error('no')) } };
  await assert.rejects(apply(failing, loaded, () => {}));
  assert.equal(await isShut(host), true);
  await apply(host, loaded, () => {});
  assert.equal(await isShut(host), false);
  await host.nft.replace(BLOCK, table);
  await apply(host, loaded, () => {});
  assert.equal(await isShut(host), false);
  await host.nft.replace(BLOCK, table);
  const goal = { action: 'down', wanted: [], kept: async () => {}, entry: null, back: false };
  await transact(host, goal, () => {});
  assert.equal(await isShut(host), false);
});

test('opening says whether it was shut, and leaves the other tables', async () => {
  const host = await shutMachine();
  await host.nft.replace('other', table.replace(BLOCK, 'other'));
  assert.deepEqual([await reopen(host), await reopen(host)], [true, false]);
  assert.notEqual(await host.nft.table('other'), null);
});

/** What the daemon says until it has looked once. */
async function look(host: Host): Promise<readonly string[]> {
  const stop = new AbortController();
  const said: string[] = [];
  const ready = async (): Promise<void> => stop.abort();
  const alone = <T>(action: () => Promise<T>): Promise<T> => action();
  await daemon({ host, stop: stop.signal, alone, log: ({ text }) => said.push(text), version: '1', ready });
  return said;
}

test('the daemon opens when nothing is applied, and when the host is as it was applied', async () => {
  for (const text of [null, texts.client]) {
    const host = await shutMachine();
    if (text !== null) await apply(host, loaded, () => {});
    await host.nft.replace(BLOCK, table);
    const said = await look(host);
    assert.match(said.join('\n'), /forwarding is shut since the boot[^]*forwarding is no longer shut/);
    assert.equal(await isShut(host), false);
  }
});

test('the daemon leaves a host shut that it cannot put right, or look at', async () => {
  for (const what of ['bundle', 'flows'] as const) {
    const host = await shutMachine();
    await apply(host, loaded, () => {});
    await host.nft.replace(BLOCK, table);
    const [bridge] = await host.ovsdb.bridges();
    assert.ok(bridge !== undefined);
    await host.openflow.bundle(bridge.name, [], (await host.openflow.flows(bridge.name)).slice(0, 1));
    const refuse = (): Promise<never> => Promise.reject(new Error('no'));
    const said = await look({ ...host, openflow: { ...host.openflow, [what]: refuse } });
    assert.doesNotMatch(said.join('\n'), /no longer shut/);
    assert.equal(await isShut(host), true);
  }
});
