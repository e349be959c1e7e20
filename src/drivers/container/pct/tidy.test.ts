// What is tidied away of Proxmox's containers: what carries our token, on this node, and nothing of anybody else's.

import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { type TestContext, test } from 'node:test';
import { records as openRecords } from '../record.ts';
import { definition } from '../sample.ts';
import type { Pct } from './command.ts';
import { confs, numbers, type PctEntry } from './entry.ts';
import { tidier } from './tidy.ts';

const token = 'op-dbus-0123456789abcdef';
const ours = `#Made by op-dbus: ${token}\nhostname: web\n`;
const theirs = 'hostname: web\n';

/** A node with a container 105 `web` of that configuration, put aside by us or not. `busy`: what Proxmox's lock is waited for. */
async function node(
  t: TestContext,
  file: 'definition.json' | 'aside.json',
  conf: string,
  busy = async () => {},
  fails = { code: 0, untouched: false },
) {
  const home = await mkdtemp(`${tmpdir()}/op-dbus-tidy-`);
  t.after(() => rm(home, { recursive: true }));
  const path = (name: string): string => `${home}/pve/nodes/${name}/lxc`;
  for (const name of ['here', 'there']) await mkdir(path(name), { recursive: true });
  await rename(`${home}/pve/nodes/here/lxc`, `${home}/pve/lxc`);
  await writeFile(`${home}/pve/lxc/105.conf`, conf);
  const records = openRecords<PctEntry>(`${home}/container`);
  const entry: PctEntry = { version: 1, definition: definition(105, { made: 'pct' }), token, before: {} };
  await records.put('web', file, JSON.stringify(entry));
  const done: string[] = [];
  const pct = {
    unlocked: async (id) => {
      done.push(`wait ${id}`);
      await busy();
    },
    run: () => assert.fail('nothing else is asked of pct'),
    attempt: async (verb, id, more = []) => {
      done.push([verb, id, ...more].join(' '));
      if (!fails.untouched) await rm(`${home}/pve/lxc/${id}.conf`);
      return { code: fails.code, stdout: '', stderr: fails.code === 0 ? '' : 'no luck today' };
    },
  } satisfies Pct;
  const kept = async (name: string): Promise<PctEntry | null> => {
    const text = await records.text(name, 'aside.json');
    return text === null ? null : (JSON.parse(text) as PctEntry);
  };
  const roots = { release: async () => {}, hold: () => assert.fail('nobody looks inside'), releaseAll: async () => {} };
  const given = {
    pct,
    confs: confs(`${home}/pve`),
    records,
    vmids: numbers(home),
    roots,
    home,
    dropIn: `${home}/drop-in`,
  };
  return { home, path, done, records, tidy: tidier({ ...given, kept, unfinished: async () => null }) };
}

test('what was put aside is destroyed with what Proxmox keeps of it, by its token', async (t) => {
  const { tidy, done } = await node(t, 'aside.json', ours);
  await tidy.all();
  assert.deepEqual(done, ['wait 105', 'destroy 105 --purge 1']);
});

test('what another command has destroyed meanwhile is gone, and what is still there is an error that tells why', async (t) => {
  const gone = await node(t, 'aside.json', ours, async () => {}, { code: 255, untouched: false });
  await gone.tidy.all();
  assert.deepEqual(await gone.records.names(), []);
  const left = await node(t, 'aside.json', ours, async () => {}, { code: 255, untouched: true });
  await assert.rejects(left.tidy.all(), { code: 'host', message: /pct destroy 105: no luck today/ });
  assert.deepEqual(await left.records.names(), ['web']);
});

test('another one in its place is neither destroyed nor waited for', async (t) => {
  const { tidy, done } = await node(t, 'aside.json', theirs);
  await tidy.all();
  assert.deepEqual(done, []);
});

test('nor is one destroyed that has taken its place while its lock was waited for', async (t) => {
  const there = await node(t, 'aside.json', ours, () => writeFile(`${there.home}/pve/lxc/105.conf`, theirs));
  await there.tidy.all();
  assert.deepEqual(there.done, ['wait 105']);
});

test('what is known of a container that was migrated stays until no node has it', async (t) => {
  const { home, path, records, tidy } = await node(t, 'definition.json', ours);
  await rename(`${home}/pve/lxc/105.conf`, `${path('there')}/105.conf`);
  await tidy.all();
  assert.equal((await records.get('web'))?.token, token);
  await rm(`${path('there')}/105.conf`);
  await tidy.all();
  assert.equal(await records.get('web'), null);
});
