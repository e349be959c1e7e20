// What is written of changes: a chain that shows when it was touched, and from which every state can be had back.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { difference } from '../src/core/plan.ts';
import { fingerprint } from '../src/core/secret.ts';
import { apply as applyFile } from '../src/engine/apply.ts';
import { type Entry, entryOf, faults, forgetHistory, intact, readHistory } from '../src/engine/history.ts';
import { keepApplied, keepNames, knownNames, lastApplied, revealed } from '../src/engine/applied.ts';
import { readJournal } from '../src/engine/journal.ts';
import { OpError } from '../src/error.ts';
import { observe } from '../src/engine/observe.ts';
import { goBack } from '../src/engine/back.ts';
import { transact } from '../src/engine/transact.ts';
import { rollback } from '../src/engine/rollback.ts';
import { want } from '../src/engine/want.ts';
import type { FakeHost } from './fake-host.ts';
import { machine, type Name, stateOf, texts } from './machine.ts';

const kept = async (): Promise<void> => {};
const folder = '/var/lib/op-dbus/history';

async function apply(host: FakeHost, name: Name): Promise<void> {
  const wanted = (await want(host, stateOf(name), '/golden/files')).resources;
  const entry = { applied: { file: `${name}.json`, filesFolder: '/golden/files', text: name }, names: {} };
  await transact(host, { action: `apply ${name}`, wanted, kept, entry, back: true }, () => {});
}

async function back(host: FakeHost, { number, resources, applied, names }: Entry): Promise<void> {
  const entry = { applied, names };
  await transact(host, { action: `rollback ${number}`, wanted: resources, kept, entry, back: true }, () => {});
}

const names: readonly Name[] = ['none', 'client', 'client with another peer', 'vps'];

test('every change is written down once, and each state can be had back, with its secrets', async () => {
  const host = await machine();
  for (const name of names) {
    await apply(host, name);
    await apply(host, name);
  }
  const entries = await readHistory(host);
  assert.deepEqual(
    entries.map(({ number, action }) => [number, action]),
    names.map((name, index) => [index + 1, `apply ${name}`]),
  );
  assert.deepEqual(faults(entries), []);
  for (const [index, name] of names.entries()) {
    await back(host, entryOf(entries, index + 1));
    const wanted = (await want(host, stateOf(name), '/golden/files')).resources;
    assert.deepEqual(difference(await observe(host), wanted), [], name);
  }
  const after = await readHistory(host);
  assert.deepEqual(
    after.slice(4).map(({ action, applied }) => [action, applied.text]),
    names.map((name, index) => [`rollback ${index + 1}`, name]),
  );
  assert.deepEqual(faults(after), []);
});

test('what is written down holds no secret, and leads back to all of them', async () => {
  const host = await machine();
  const client = { file: 'client.json', filesFolder: '/golden/files', text: texts.client, state: stateOf('client') };
  await applyFile(host, client, () => {});
  const key = (await host.files.read('/golden/files/wireguard-gateway/etc/wireguard/private.key'))?.trim() ?? '';
  const id = '11111111-2222-4333-8444-555555555555';
  assert.equal(key.length, 44);
  assert.ok(texts.client.includes(id));
  for (const path of ['applied.json', 'history/000001.json'])
    for (const secret of [key, id])
      assert.equal((await host.files.read(`/var/lib/op-dbus/${path}`))?.includes(secret), false, path);
  assert.equal(await revealed(host, await lastApplied(host)), texts.client);
  // An identity that no resource needs any more is kept for the way back.
  await applyFile(host, { ...client, text: texts.none, state: stateOf('none') }, () => {});
  assert.equal(await host.secrets.get(fingerprint(id)), id);
});

test('an entry that was changed, taken out or put in is found', async () => {
  const host = await machine();
  for (const name of names) await apply(host, name);
  const entries = await readHistory(host);
  const [one, two, three, four] = entries as [Entry, Entry, Entry, Entry];
  assert.deepEqual(faults([one, { ...two, at: '2020-01-01T00:00:00.000Z' }, three, four]), [
    'entry 2 was changed after it was written',
  ]);
  assert.deepEqual(faults([one, { ...two, commands: [] }, three, four]).length, 1);
  assert.deepEqual(faults([one, three, four]), ['entry 3 does not follow 1', 'entry 2 is missing']);
  assert.ok(faults([one, { ...two, hash: one.hash }, three, four]).length >= 2);
  // The oldest may be gone by age.
  assert.deepEqual(faults([two, three, four]), []);
});

test('twenty states are kept, and numbers go on', async () => {
  const host = await machine();
  for (let round = 0; round < 11; round += 1) for (const name of ['none', 'client'] as const) await apply(host, name);
  const entries = await readHistory(host);
  assert.deepEqual([entries.length, entries[0]?.number, entries.at(-1)?.number], [20, 3, 22]);
  assert.deepEqual(faults(entries), []);
  assert.throws(() => entryOf(entries, 2), { code: 'usage', hint: 'There are 3 to 22.' });
  await forgetHistory(host);
  assert.deepEqual(await readHistory(host), []);
});

test('a file that is no entry is named', async () => {
  const host = await machine();
  await apply(host, 'none');
  await host.files.write(`${folder}/000002.json`, '{"version": 1');
  await assert.rejects(readHistory(host), { code: 'host', at: `${folder}/000002.json` });
  const before = await observe(host);
  await assert.rejects(apply(host, 'client'), { at: `${folder}/000002.json` });
  assert.deepEqual(await observe(host), before);
});

test('a change that was written down before it was undone: the state of before is the applied one again', async () => {
  const host = await machine();
  const applied = (name: Name) => ({ file: `${name}.json`, filesFolder: '/golden/files', text: name });
  const to = async (one: FakeHost, name: Name): Promise<void> => {
    const { resources, resolved } = await want(host, stateOf(name), '/golden/files');
    const keep = (): Promise<void> => keepNames(one, resolved).then(() => keepApplied(one, applied(name)));
    const entry = { applied: applied(name), names: resolved };
    await transact(one, { action: `apply ${name}`, wanted: resources, kept: keep, entry, back: true }, () => {});
  };
  await to(host, 'client');
  const names = await knownNames(host);
  const files = { ...host.files, remove: () => Promise.reject(new OpError('host', 'the power is gone')) };
  await assert.rejects(to({ ...host, files }, 'vps'), /power/);
  const journal = await readJournal(host);
  assert.ok(journal);
  await goBack(host, journal, () => {});
  assert.deepEqual([await lastApplied(host), await knownNames(host)], [applied('client'), names]);
  const entries = await readHistory(host);
  assert.deepEqual(
    entries.map(({ action }) => action),
    ['apply client', 'apply vps', 'rollback of apply vps'],
  );
  assert.deepEqual(faults(entries), []);
});

test('nobody is led to an entry that was touched', async () => {
  const host = await machine();
  await apply(host, 'none');
  const [entry] = (await readHistory(host)) as [Entry];
  assert.equal(intact(entry), entry);
  assert.throws(() => intact({ ...entry, resources: [], action: 'x' }), { code: 'check', at: `${folder}/000001.json` });
});

test('without a number rollback leads back one state after the other, and never to one that was undone', async () => {
  const host = await machine();
  for (const name of names) await apply(host, name);
  const kepts = async (): Promise<readonly string[]> => (await readHistory(host)).map(({ applied }) => applied.text);
  const last = (await readHistory(host)).at(-2);
  assert.ok(last);
  await back(host, { ...last, number: 3 });
  for (const expected of ['client', 'none']) {
    await rollback(host, null, () => {});
    assert.equal((await kepts()).at(-1), expected);
  }
  await assert.rejects(
    rollback(host, null, () => {}),
    { code: 'usage' },
  );
  await apply(host, 'vps');
  await rollback(host, null, () => {});
  assert.equal((await kepts()).at(-1), 'none');
});
