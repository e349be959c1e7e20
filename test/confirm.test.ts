// A change that is undone unless somebody confirms it: by time, after a boot, and whatever was killed meanwhile.

import { trials } from './fake-host.ts';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { difference } from '../src/core/plan.ts';
import { keepApplied, lastApplied } from '../src/engine/applied.ts';
import { goBack } from '../src/engine/back.ts';
import { confirm, expire } from '../src/engine/confirm.ts';
import { faults, readHistory } from '../src/engine/history.ts';
import { readJournal, readPending } from '../src/engine/journal.ts';
import { observe } from '../src/engine/observe.ts';
import { type Outcome, transact } from '../src/engine/transact.ts';
import { want } from '../src/engine/want.ts';
import { fakeMachine } from '../src/drivers/machine/fake.ts';
import { fakeSecrets } from '../src/drivers/secret/fake.ts';
import type { Host } from '../src/drivers/host.ts';
import { dying } from './dying.ts';
import type { FakeHost } from './fake-host.ts';
import { after, machine, type Name, stateOf } from './machine.ts';

const quiet = (): void => {};
const later = <H extends Host>(host: H): H => after(host, 3600);

async function apply(host: Host, name: Name, seconds?: number, real: Host = host): Promise<Outcome> {
  const { resources } = await want(real, stateOf(name), '/golden/files');
  const applied = { file: `${name}.json`, filesFolder: '/golden/files', text: name };
  const kept = (): Promise<void> => keepApplied(host, applied);
  const confirmed = seconds === undefined ? {} : { confirm: seconds };
  const goal = { action: `apply ${name}`, wanted: resources, kept, entry: { applied, names: {} }, back: true };
  return transact(host, { ...goal, ...confirmed }, quiet);
}

async function is(host: FakeHost, name: Name | null): Promise<void> {
  const wanted = name === null ? [] : (await want(host, stateOf(name), '/golden/files')).resources;
  assert.deepEqual(difference(await observe(host), wanted), [], `${name}`);
}

/** Another process: what the one before remembered is gone. */
const anew = (host: FakeHost): FakeHost => ({ ...host, secrets: fakeSecrets(host.files) });

test('confirmed in time it stays; later nothing is left to undo, and what was put aside is gone', async () => {
  const host = await machine();
  await apply(host, 'client');
  await apply(host, 'vps', 60);
  assert.ok(host.containers.aside.size > 0);
  assert.equal(await expire(host, quiet), null);
  assert.equal((await confirm(host)).action, 'apply vps');
  assert.equal(await expire(later(host), quiet), null);
  assert.equal(host.containers.aside.size, 0);
  await is(host, 'vps');
  await assert.rejects(confirm(host), { code: 'usage' });
});

test('not confirmed it is undone: host, secrets, what was inside containers, and the books', async () => {
  const host = await machine();
  await apply(host, 'client');
  await host.containers.write('xray-client', '/root/kept.txt', 'mine', { mode: 0o644, uid: 0, gid: 0 });
  await apply(host, 'vps', 60);
  const next = anew(host);
  assert.equal((await expire(later(next), quiet))?.action, 'apply vps');
  await is(next, 'client');
  assert.equal(await host.containers.read('xray-client', '/root/kept.txt'), 'mine');
  assert.equal((await lastApplied(host)).text, 'client');
  const entries = await readHistory(host);
  assert.deepEqual(
    entries.map(({ action }) => action),
    ['apply client', 'apply vps', 'rollback of apply vps'],
  );
  assert.deepEqual(faults(entries), []);
  assert.equal(await readPending(host), null);
  await apply(next, 'vps');
  await is(next, 'vps');
});

test('the first change of a host is undone to nothing', async () => {
  const host = await machine();
  await apply(host, 'client', 60);
  await expire(later(anew(host)), quiet);
  await is(host, null);
  await assert.rejects(lastApplied(host), { code: 'usage' });
});

test('after another boot it is undone at once', async () => {
  const host = await machine();
  await apply(host, 'none');
  await apply(host, 'client', 86_400);
  const names = { 'engage.cloudflareclient.com': ['162.159.192.1'], 'vps.example.net': ['95.216.30.2'] };
  const booted = { ...anew(host), machine: fakeMachine({ trials, boot: 'boot 2', names }) };
  assert.equal((await expire(booted, quiet))?.action, 'apply client');
  await is(host, 'none');
});

test('while a change waits no other is begun, but down, which has nothing to wait for', async () => {
  const host = await machine();
  await apply(host, 'none');
  await apply(host, 'client', 60);
  await assert.rejects(apply(host, 'vps'), { code: 'usage', message: /"apply client" waits to be confirmed until 20/ });
  await is(host, 'client');
  await transact(host, { action: 'down', wanted: [], kept: async () => {}, entry: null, back: false }, quiet);
  await is(host, null);
  assert.equal(await readPending(host), null);
  assert.equal(host.containers.aside.size, 0);
});

test('nothing to change is nothing to confirm', async () => {
  const host = await machine();
  await apply(host, 'client');
  assert.deepEqual((await apply(host, 'client', 60)).changes, []);
  assert.equal(await readPending(host), null);
});

test('killed anywhere, of the change or of its undoing, it can be undone still', async () => {
  const count = async (): Promise<number> => {
    const host = await machine();
    await apply(host, 'client');
    const counted = dying(host, null);
    await apply(counted.host, 'vps', 60, host);
    return counted.calls();
  };
  const calls = await count();
  const step = Number(process.env['STEP'] ?? 61);
  // The last calls, where the change is written down, each; of those before every so many.
  const points = Array.from({ length: calls }, (_, at) => at).filter((at) => at % step === 0 || at > calls - 25);
  for (const at of points) {
    const host = await machine();
    await apply(host, 'client');
    const mortal = dying(host, { at, when: 'after', of: 'process' });
    await Promise.race([apply(mortal.host, 'vps', 60, host), mortal.died]);
    const back = async (next: Host): Promise<void> => {
      const journal = await readJournal(next);
      if (journal !== null) await goBack(next, journal, quiet);
      else await expire(later(next), quiet);
    };
    const again = dying(anew(host), { at: at % 60, when: 'before', of: 'process' });
    await Promise.race([back(again.host), again.died]);
    const last = anew(host);
    await back(last);
    assert.deepEqual([await readJournal(host), await readPending(host)], [null, null], `${at}`);
    await is(host, 'client');
    assert.equal((await lastApplied(host)).text, 'client', `${at}`);
    assert.deepEqual(faults(await readHistory(host)), []);
  }
});

test("the host's clock may be set meanwhile", async (t) => {
  const host = await machine();
  await apply(host, 'none');
  await apply(host, 'client', 60);
  t.mock.timers.enable({ apis: ['Date'], now: Date.now() + 86_400_000 });
  assert.equal(await expire(host, quiet), null);
  t.mock.timers.setTime(Date.now() - 2 * 86_400_000);
  assert.equal((await expire(after(host, 61), quiet))?.action, 'apply client');
});
