// Watching a real ovsdb-server, and a peer that says more than one thing at once.

import assert from 'node:assert/strict';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { type ErrorCode, OpError } from '../../error.ts';
import { run as insist } from '../exec.ts';
import { until } from '../watch.suite.ts';
import { connectOvsdb } from './client.ts';
import type { Ovsdb } from './contract.ts';
import { type DummySwitch, startDummySwitch } from './testing.ts';

let real: DummySwitch;
let ovsdb: Ovsdb;
before(async () => {
  real = await startDummySwitch();
  ovsdb = connectOvsdb(real.socket);
});
after(async () => {
  await ovsdb.close();
  await real.stop();
});

const vsctl = (...argv: readonly string[]): Promise<string> => insist(real.run, ['ovs-vsctl', ...argv]);
const isCode = (code: ErrorCode, text: string) => (error: unknown) =>
  error instanceof OpError && error.code === code && error.message.includes(text);

test('a watch tells of others who change a single column, and of nothing that is not asked for', async () => {
  await vsctl('add-br', 'columns');
  await vsctl('add-port', 'columns', 'single', '--', 'set', 'Interface', 'single', 'type=internal');
  let told = 0;
  const watch = await ovsdb.watch(() => void told++);
  for (const [table, row, column] of [
    ['Bridge', 'columns', 'fail_mode=standalone'],
    ['Bridge', 'columns', 'other_config:a=b'],
    ['Bridge', 'columns', 'external_ids:a=b'],
    ['Port', 'single', 'external_ids:a=b'],
    ['Interface', 'single', 'external_ids:a=b'],
    ['Interface', 'single', 'mac="02:00:00:00:00:01"'],
  ] as const) {
    const before = told;
    await vsctl('--no-wait', 'set', table, row, column);
    await until(`${column}: told`, () => told > before);
  }
  await watch.close();
  // It writes of its own accord.
  real.freeze(true);
  try {
    let heard = 0;
    const idle = await ovsdb.watch(() => void heard++);
    await vsctl('--no-wait', 'set', 'Interface', 'single', 'statistics:rx_packets=7', 'status:a=b');
    await vsctl('--no-wait', 'set', 'Open_vSwitch', '.', 'external_ids:a=b');
    // What is told is told in order.
    await vsctl('--no-wait', 'set', 'Port', 'single', 'external_ids:a=c');
    await until('told', () => heard > 0);
    assert.equal(heard, 1);
    await idle.close();
  } finally {
    real.freeze(false);
  }
});

test('a watch ends when the database goes, or when we close', async () => {
  const own = await startDummySwitch();
  const client = connectOvsdb(own.socket);
  try {
    const lost = await client.watch(() => {});
    await own.stop();
    assert.match((await lost.ended).message, /the database closed the connection/);
    await assert.rejects(
      client.watch(() => {}),
      isCode('host', 'connecting'),
    );
  } finally {
    await client.close();
    await own.stop();
  }
  const closing = connectOvsdb(real.socket);
  const watch = await closing.watch(() => {});
  await closing.close();
  assert.match((await watch.ended).message, /was closed/);
  await assert.rejects(
    closing.watch(() => {}),
    isCode('internal', 'closed'),
  );
});

test('a watch that closes itself is told no more, though the rest has come already', async () => {
  const path = join(real.folder, 'peer.sock');
  let peer: Socket | null = null;
  const server = createServer((socket) => {
    peer = socket.on('error', () => {}).once('data', () => socket.write('{"id":0,"result":{},"error":null}'));
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  let told = 0;
  const watch = await connectOvsdb(path).watch(() => {
    told++;
    void watch.close();
  });
  const update = JSON.stringify({ id: null, method: 'update', params: ['op-dbus', {}] });
  (peer as Socket | null)?.write(update.repeat(3));
  await watch.ended;
  assert.equal(told, 1);
  await new Promise((resolve) => server.close(resolve));
});
