// The daemon on a host of fakes: what it takes of the file, and what does not stop it.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { sealed } from '../src/core/secret.ts';
import { onBus } from '../src/daemon/bus.ts';
import { daemon } from '../src/daemon/daemon.ts';
import type { Host } from '../src/drivers/host.ts';
import { parseFlow } from '../src/drivers/openflow/text.ts';
import { lastApplied } from '../src/engine/applied.ts';
import { apply } from '../src/engine/apply.ts';
import { keepPending, readPending } from '../src/engine/journal.ts';
import { parsed } from '../src/engine/load.ts';
import type { Report } from '../src/engine/report.ts';
import { rollback } from '../src/engine/rollback.ts';
import { OpError } from '../src/error.ts';
import type { FakeHost } from './fake-host.ts';
import { machine, texts } from './machine.ts';

const path = '/etc/op-dbus/state.json';
const other = texts['client at another level'];
const load = (text: string) => parsed({ file: path, text, filesFolder: '/golden/files' });
const foreign = parseFlow('cookie=0x9, priority=65535 actions=NORMAL');

type Running = { readonly said: string[]; readonly stop: () => Promise<void>; readonly done: Promise<void> };

function start(host: Host): Running {
  const stop = new AbortController();
  const said: string[] = [];
  const done = daemon({
    ...{ host, stop: stop.signal, version: '1', ready: async () => {} },
    alone: (action) => action(),
    log: ({ level, text }) => said.push(`${level}: ${text}`),
  });
  return {
    ...{ said, done },
    stop: () => {
      stop.abort();
      return done;
    },
  };
}

async function until(what: string, is: () => boolean | Promise<boolean>): Promise<void> {
  for (const deadline = Date.now() + 3000; !(await is()); await sleep(5)) assert.ok(Date.now() < deadline, what);
}

async function applied(): Promise<FakeHost> {
  const host = await machine();
  await host.files.write(path, texts.client);
  await apply(host, load(texts.client), () => {});
  return host;
}

const opened = async (host: Host): Promise<boolean> =>
  (await host.openflow.flows('ovsbr0')).some(({ cookie }) => cookie === '0x9');

for (const how of ['rolled back', 'not confirmed before the boot'] as const)
  test(`what was ${how} stays so when the daemon starts, and is told once; written again it is taken`, async () => {
    const host = await applied();
    await host.files.write(path, other);
    await apply(host, load(other), () => {}, how === 'rolled back' ? {} : { confirm: 60 });
    const pending = await readPending(host);
    if (pending === null) await rollback(host, null, () => {});
    else await keepPending(host, { ...pending, boot: 'another' });
    let watched = 0;
    const watch: typeof host.files.watch = (file, changed) => {
      if (file === path) watched += 1;
      return host.files.watch(file, changed);
    };
    const one = start({ ...host, files: { ...host.files, watch } });
    await until(
      'refused',
      () => watched > 0 && one.said.some((line) => line.includes('is another than the state applied last')),
    );
    // Long enough for the look that the watch's beginning asks for.
    await host.openflow.bundle('ovsbr0', [foreign], []);
    await until('put right', () => one.said.some((line) => line.includes('put right')));
    assert.equal((await lastApplied(host)).text, sealed(texts.client));
    assert.equal(one.said.filter((line) => line.includes('is not applied')).length, 1);
    await host.files.write(path, other);
    await until('taken', async () => (await lastApplied(host)).text === sealed(other));
    await one.stop();
  });

test('a /run that takes no report keeps nothing from being put right', async () => {
  const host = await applied();
  await host.openflow.bundle('ovsbr0', [foreign], []);
  const write: typeof host.files.write = (file, ...rest) =>
    file.startsWith('/run/') ? Promise.reject(new OpError('host', 'no space')) : host.files.write(file, ...rest);
  const one = start({ ...host, files: { ...host.files, write } });
  await until('put right', async () => !(await opened(host)));
  await one.stop();
});

test('a link or a folder in place of the file is told', async () => {
  const host = await applied();
  const read: typeof host.files.read = async (file) => {
    const text = await host.files.read(file);
    if (file === path && text === '') throw new OpError('host', `reading ${path}: is a symbolic link`, { at: path });
    return text;
  };
  const one = start({ ...host, files: { ...host.files, read } });
  await until('kept', () => one.said.some((line) => line.includes('as it was applied')));
  await host.files.write(path, '');
  await until('told', () => one.said.some((line) => /is not applied, .*is a symbolic link/.test(line)));
  await one.stop();
});

test('somebody who makes changes without end is looked at more and more rarely', async () => {
  const host = await applied();
  const told = new Set<() => void>();
  let looks = 0;
  const flows: typeof host.openflow.flows = (bridge) => {
    looks += 1;
    return host.openflow.flows(bridge);
  };
  const watch: typeof host.nft.watch = (changed) => {
    told.add(changed);
    return host.nft.watch(changed);
  };
  const one = start({ ...host, openflow: { ...host.openflow, flows }, nft: { ...host.nft, watch } });
  await until('watched', () => told.size > 0 && one.said.some((line) => line.includes('as it was applied')));
  const timer = setInterval(() => told.forEach((tell) => tell()), 1);
  looks = 0;
  await sleep(1000);
  // After 20, 40, 80 … ms; always after 20 it would be 37 times.
  assert.ok(looks <= 12, `${looks}`);
  await host.openflow.bundle('ovsbr0', [foreign], []);
  await until('put right all the same', async () => !(await opened(host)));
  clearInterval(timer);
  await one.stop();
});

test('a name that is taken on the bus is had once it is free', async () => {
  const host = await machine();
  const before = await host.dbus.connect(0);
  await before.request('org.opdbus1');
  const stop = new AbortController();
  const report = { state: 'nothing', drift: 0, held: [], refused: null, unconfirmed: null, applied: null };
  const said: string[] = [];
  const given = {
    host,
    version: '1',
    report: () => report as unknown as Report,
    alone: <T>(go: () => Promise<T>) => go(),
  };
  const bus = onBus(given, (_, text) => said.push(text), stop.signal);
  await until('refused', () => said.length === 1);
  await before.release('org.opdbus1');
  const owner = {
    destination: 'org.freedesktop.DBus',
    path: '/org/freedesktop/DBus',
    interface: 'org.freedesktop.DBus',
  };
  const has = { ...owner, member: 'NameHasOwner', signature: 's', args: ['org.opdbus1'], reply: 'b' };
  await until('had', async () => (await before.call(has))[0] === true);
  stop.abort();
  await bus.close();
});
