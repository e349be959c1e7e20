// The shaper's program, both ends, as real processes over loopback. Nothing here asserts a time: frames are counted.

import assert from 'node:assert/strict';
import { afterEach, before, beforeEach, test } from 'node:test';
import { exec, run } from '../../drivers/exec.ts';
import { source } from '../../drivers/source.ts';
import { Bench, data, type End, type Relay, relay, until, usual, type Values } from './testing.ts';

let bench: Bench;
before(() => run(exec, [source('native/build.sh')], { deadline: 60_000 }));
beforeEach(() => (bench = new Bench()));
afterEach(() => bench.end());

type Pair = Awaited<ReturnType<typeof pair>>;

/** WARP's container, client, proxy, server and WARP, the last of which answers whom it heard last. */
async function pair(client: Values = {}, server: Values = {}) {
  const [inner, warp] = [await bench.socket(), await bench.socket()];
  const ports = { client: await bench.port(), server: await bench.port() };
  const proxy = await relay(bench, ports.server);
  const at = (port: number): string => `127.0.0.1:${port}`;
  const got: { up: Buffer[]; down: Buffer[]; from: number } = { up: [], down: [], from: 0 };
  inner.on('message', (message) => got.down.push(message));
  warp.on('message', (message, from) => {
    got.up.push(message);
    got.from = from.port;
  });
  const start = {
    client: (more: Values = {}): End =>
      bench.start('client', {
        ...{ role: 'client', listen: at(ports.client), proxy: at(proxy.port) },
        ...{ ...usual, ...client, ...more },
      }),
    server: (more: Values = {}): End =>
      bench.start('server', {
        ...{ role: 'server', listen: at(ports.server), endpoint: at(warp.address().port) },
        ...{ ...usual, ...server, ...more },
      }),
  };
  return {
    ...{ proxy, got, start },
    send: (message: Buffer): void => inner.send(message, ports.client, '127.0.0.1'),
    answer: (message: Buffer): void => warp.send(message, got.from, '127.0.0.1'),
  };
}

/** Both ends, once they have agreed. */
async function agreed(client: Values = {}, server: Values = {}) {
  const both = await pair(client, server);
  const ends = { server: both.start.server(), client: both.start.client() };
  await ends.client.status(({ state }) => state === 'up');
  return { ...both, ...ends };
}

const kind = (frame: Buffer): 'control' | 'dummy' | 'real' => {
  const length = frame.readUInt16BE(0);
  return length === 0 ? 'dummy' : length >= 0xfff0 ? 'control' : 'real';
};
const reals = (frames: readonly Buffer[]): number => frames.filter((frame) => kind(frame) === 'real').length;
const sizes = ({ up, down }: Relay): readonly number[] => [...new Set([...up, ...down].map(({ length }) => length))];

async function exchange({ send, answer, got }: Pair, length = 1312): Promise<void> {
  const [ups, downs] = [got.up.length, got.down.length];
  send(data(length, 7));
  await until(() => got.up.length > ups);
  answer(data(length, 9));
  await until(() => got.down.length > downs);
  assert.deepEqual(got.up.at(-1), data(length, 7));
  assert.deepEqual(got.down.at(-1), data(length, 9));
}

test('datagrams of every length that fits go through unchanged, both ways, in frames of one size', async () => {
  const both = await agreed();
  for (const length of [33, 64, 148, 1311, 1312, 1314]) await exchange(both, length);
  assert.deepEqual(sizes(both.proxy), [1316]);
});

test('a connection begins with frames from the VPS: forty at least, a hundred and twenty at most, then the welcome', async () => {
  const counts = new Set<number>();
  for (let n = 0; n < 4; n++) {
    const { proxy, client, server } = await agreed();
    const first = proxy.down.findIndex((frame) => kind(frame) === 'control');
    assert.ok(first >= 39 && first <= 119, String(first));
    assert.equal(reals(proxy.down), 0);
    counts.add(first);
    await Promise.all([client.kill('SIGTERM'), server.kill('SIGTERM')]);
  }
  assert.ok(counts.size > 1, 'the number is another one each time');
});
