// Watching containers without any: records that tests write, of processes that tests start.

import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { startTime } from '../process.ts';
import { keepsWatch, until } from '../watch.suite.ts';
import { watchContainers } from './watch.ts';

const held: (() => unknown)[] = [];
after(() => Promise.all(held.map((end) => end())));

/** Where the records of containers will be; nothing above it is there either. */
async function folder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'op-watch-'));
  held.push(() => rm(path, { recursive: true, force: true }));
  return join(path, 'state/container');
}

/** A process that plays the monitor of container `one`. */
async function monitor(records: string): Promise<ChildProcess> {
  const child = spawn('setpriv', ['--pdeathsig', 'KILL', 'sleep', '1000'], { stdio: 'ignore' });
  await once(child, 'spawn');
  held.push(() => child.kill('SIGKILL'));
  await mkdir(join(records, 'one'), { recursive: true });
  await writeFile(join(records, 'one/monitor'), `${child.pid} ${await startTime(child.pid ?? 0)}\n`);
  return child;
}

const never = 1_000_000_000;

test('records are seen from their first folder on, and again when all were removed', async () => {
  const records = await folder();
  await keepsWatch((changed) => watchContainers({ folder: records, units: {}, pulse: never }, changed), {
    'a record is made': () => mkdir(join(records, 'one'), { recursive: true }),
    'init is noted': () => writeFile(join(records, 'one/pid'), '1 2 3 4\n'),
    'a filter is kept': () => writeFile(join(records, 'one/filter.nft'), ''),
    'the container goes': () => rm(join(records, 'one'), { recursive: true }),
    'all goes': () => rm(join(records, '..'), { recursive: true }),
    'a record is made again': () => mkdir(join(records, 'two'), { recursive: true }),
    'a definition is written': () => writeFile(join(records, 'two/definition.json'), '{}'),
  });
});

test('what LXC logs and what is not finished are not told', async () => {
  const records = await folder();
  await mkdir(join(records, 'one'), { recursive: true });
  let told = 0;
  const watch = await watchContainers({ folder: records, units: {}, pulse: never }, () => void told++);
  for (const file of ['lxc.log', 'failure', 'definition.json.new']) await writeFile(join(records, 'one', file), 'x');
  // Events come in order.
  await mkdir(join(records, 'two'));
  await until('told', () => told > 0);
  assert.equal(told, 1);
  await watch.close();
});

test('a process that ends without any event is seen by the next look', async () => {
  const records = await folder();
  const child = await monitor(records);
  let told = 0;
  const watch = await watchContainers({ folder: records, units: {}, pulse: 10 }, () => void told++);
  child.kill('SIGKILL');
  await until('told', () => told > 0);
  await watch.close();
});

test('after an event it looks a few times more, for what follows without one', async () => {
  const records = await folder();
  const child = await monitor(records);
  let told = 0;
  const watch = await watchContainers({ folder: records, units: {}, pulse: never }, () => void told++);
  await writeFile(join(records, 'one/hook.env'), '');
  await until('told of the record', () => told > 0);
  // By then it has looked at what the event was about.
  await new Promise((resolve) => setTimeout(resolve, 30));
  const before = told;
  child.kill('SIGKILL');
  await until('told of the end', () => told > before);
  await watch.close();
});
