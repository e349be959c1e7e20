// The daemon and the state file: edits that are good, bad, gone, written in pieces, rolled back.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { takeFile, type Why } from '../src/daemon/file.ts';
import { keepApplied, lastApplied } from '../src/engine/applied.ts';
import { apply } from '../src/engine/apply.ts';
import { confirm } from '../src/engine/confirm.ts';
import { readJournal } from '../src/engine/journal.ts';
import { parsed } from '../src/engine/load.ts';
import type { Refusal } from '../src/engine/report.ts';
import { rollback } from '../src/engine/rollback.ts';
import { OpError } from '../src/error.ts';
import type { FakeHost } from './fake-host.ts';
import { machine, texts } from './machine.ts';

const path = '/etc/op-dbus/state.json';
const level = (number: number): string =>
  texts.none.replace('"obfuscation_level": 1', `"obfuscation_level": ${number}`);

type Bench = {
  readonly host: FakeHost;
  readonly said: string[];
  readonly take: (why: Why) => Promise<string | null>;
  readonly write: (text: string) => Promise<void>;
  readonly applied: () => Promise<string>;
};

/** A host on which the file was applied. */
async function bench(): Promise<Bench> {
  const host = await machine();
  const said: string[] = [];
  let last: Refusal | null = null;
  const write = (text: string): Promise<void> => host.files.write(path, text);
  await write(level(1));
  await apply(host, parsed({ file: path, text: level(1), filesFolder: '/golden/files' }), () => {});
  // There is no such file on the machine that tests: where it is, the daemon was told.
  await keepApplied(host, { ...(await lastApplied(host)), path });
  const tell = (severity: string, text: string): void => void said.push(`${severity}: ${text}`);
  return {
    ...{ host, said, write },
    take: async (why) => {
      last = (await takeFile({ host, tell, alone: (action) => action() }, why, last)).refusal;
      return last?.why ?? null;
    },
    applied: async () => (await lastApplied(host)).text,
  };
}

test('a good edit is applied, and the same text again is nothing new', async () => {
  const { said, take, write, applied } = await bench();
  assert.equal(await take('edited'), null);
  assert.deepEqual(said, []);
  await write(level(0));
  assert.equal(await take('edited'), null);
  assert.equal(await applied(), level(0));
  assert.deepEqual(said, [`info: applied ${path}: 1 change`]);
});

test('a bad one is refused with its place, as is one that is gone, and the state before is kept', async () => {
  const { host, said, take, write, applied } = await bench();
  await write(level(7));
  assert.match(
    (await take('edited')) ?? '',
    /^\/etc\/op-dbus\/state\.json:\d+:\d+ openflow\.obfuscation_level: expected/,
  );
  await host.files.remove(path);
  assert.equal(await take('edited'), 'it is gone');
  assert.equal(await applied(), level(1));
  assert.equal(said.length, 2);
});

test('what is written in pieces is taken when it is whole', async () => {
  const { said, take, write, applied } = await bench();
  await write('');
  const taken = take('edited');
  for (const part of [0.3, 0.6, 1]) {
    await sleep(60);
    await write(level(0).slice(0, level(0).length * part));
  }
  assert.equal(await taken, null);
  assert.equal(await applied(), level(0));
  assert.equal(said.length, 1);
});

test('at its start a new text is applied, and one that was applied before and rolled back is not, until somebody writes it', async () => {
  const { host, take, write, applied } = await bench();
  await write(level(0));
  assert.equal(await take('started'), null);
  assert.equal(await applied(), level(0));
  await keepApplied(host, { ...(await lastApplied(host)), path });
  await rollback(host, 1, () => {});
  await keepApplied(host, { ...(await lastApplied(host)), path });
  assert.match((await take('started')) ?? '', /it is another than the state applied last; to have it: op-dbus apply/);
  assert.equal(await applied(), level(1));
  assert.equal(await take('edited'), null);
  assert.equal(await applied(), level(0));
});

test('what was come upon is told of once and not applied', async () => {
  const { said, take, write, applied } = await bench();
  await write(level(2));
  for (const why of ['seen', 'seen', 'seen'] as const) assert.match((await take(why)) ?? '', /is another than/);
  assert.equal(said.length, 1);
  assert.equal(await applied(), level(1));
  assert.equal(await take('edited'), null);
  assert.equal(await applied(), level(2));
});

test('while a change waits to be confirmed no edit is taken', async () => {
  const { host, take, write, applied } = await bench();
  const loaded = parsed({ file: path, text: level(0), filesFolder: '/golden/files' });
  await apply(host, loaded, () => {}, { confirm: 60 });
  await keepApplied(host, { ...(await lastApplied(host)), path });
  await write(level(2));
  assert.match((await take('edited')) ?? '', /waits to be confirmed/);
  assert.equal(await applied(), level(0));
});

test('an edit that came while a change waited is to be asked for again once that is confirmed', async () => {
  const { host, write } = await bench();
  await apply(host, parsed({ file: path, text: level(0), filesFolder: '/golden/files' }), () => {}, { confirm: 60 });
  await keepApplied(host, { ...(await lastApplied(host)), path });
  await write(level(2));
  const edit = { host, tell: () => {}, alone: <T>(action: () => Promise<T>): Promise<T> => action() };
  assert.equal((await takeFile(edit, 'edited', null)).later, 'confirmed');
  await confirm(host);
  assert.deepEqual(await takeFile(edit, 'edited', null), { refusal: null, later: null });
});

test('what others than root can write is not applied by itself', async () => {
  const { host, take, applied } = await bench();
  await host.files.write(path, level(0), 0o664);
  assert.match((await take('edited')) ?? '', /others than root can change .*: op-dbus apply/);
  assert.equal(await applied(), level(1));
  await host.files.write(path, level(0), 0o644);
  assert.equal(await take('edited'), null);
});

test('a change that failed and was to stay so is not superseded by what is found at the start', async () => {
  const { host, take, write, applied } = await bench();
  host.containers.onStart = () => Promise.reject(new OpError('host', 'it does not start'));
  const loaded = parsed({ file: path, text: texts.client, filesFolder: '/golden/files' });
  await assert.rejects(apply(host, loaded, () => {}, { back: false }));
  host.containers.onStart = () => {};
  await write(level(0));
  assert.match((await take('started')) ?? '', /failed and was to stay so/);
  assert.equal(await applied(), level(1));
  assert.equal((await readJournal(host))?.held, true);
  assert.equal(await take('edited'), null);
});
