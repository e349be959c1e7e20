// The shaper's program, both ends, as real processes over loopback. Nothing here asserts a time: frames are counted.

import assert from 'node:assert/strict';
import { afterEach, before, beforeEach, test } from 'node:test';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { exec, run } from '../../drivers/exec.ts';
import { source } from '../../drivers/source.ts';
import { Bench, data, type End, program, type Relay, relay, text, until, usual, type Values } from './testing.ts';

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
  const vps = both.start.server();
  // A hello to nobody would be sent again after `idle`, which may be long.
  await vps.status();
  const ends = { server: vps, client: both.start.client() };
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

/** Nothing is sent on an idle link while a test counts. */
const still = { idle: 60_000, silence: 600_000 };
/** Long enough for a burst that should not be, and nothing else hangs on it. */
const while_ = 150;

test('on demand a datagram brings one quantum with it and one of dummies, of so many frames at each end, and no more', async () => {
  const { proxy, send, got } = await agreed(still, still);
  await until(() => proxy.up.length === 2);
  const [up, down] = [proxy.up.length, proxy.down.length];
  for (const bursts of [1, 2]) {
    send(data(100));
    await until(() => got.up.length === bursts);
    await until(() => proxy.up.length >= up + 200 * bursts && proxy.down.length >= down + 400 * bursts);
    await sleep(while_);
    assert.deepEqual([proxy.up.length - up, proxy.down.length - down], [200 * bursts, 400 * bursts]);
  }
  assert.equal(reals(proxy.up), 2);
});

test('an answer wakes as a question does, and what goes by dummies alone wakes nobody', async () => {
  const { proxy, send, answer, got } = await agreed(still, still);
  send(data(100));
  await until(() => got.up.length === 1 && proxy.up.length >= 202);
  await sleep(while_);
  const [up, down] = [proxy.up.length, proxy.down.length];
  answer(data(100));
  await until(() => got.down.length === 1);
  await until(() => proxy.up.length >= up + 200 && proxy.down.length >= down + 400);
  await sleep(while_);
  assert.deepEqual([proxy.up.length - up, proxy.down.length - down], [200, 400]);
});

test('handshakes and keepalives wake nobody: they wait for the next frame of an idle link', async () => {
  const { proxy, send, got } = await agreed(still, still);
  await until(() => proxy.up.length === 2);
  const handshake = Buffer.alloc(148, 1);
  send(handshake);
  send(data(32));
  await sleep(while_);
  assert.equal(proxy.up.length, 2);
  send(data(33));
  await until(() => got.up.length === 3);
  assert.deepEqual(got.up, [handshake, data(32), data(33)]);
});

test('an idle link sends a frame now and then, and takes what waits along', async () => {
  const { proxy, send, got } = await agreed();
  const before = proxy.up.length;
  send(Buffer.alloc(148, 1));
  await until(() => got.up.length === 1);
  await until(() => proxy.up.length > before + 5);
  assert.ok(proxy.up.length < before + 50, 'not at the rate');
});

test('a constant rate is the same with traffic and without', async () => {
  const both = await agreed({ mode: 'constant' }, { mode: 'constant' });
  const { proxy } = both;
  const share = async (): Promise<number> => {
    const [up, down] = [proxy.up.length, proxy.down.length];
    await until(() => proxy.up.length >= up + 600);
    return (proxy.down.length - down) / (proxy.up.length - up);
  };
  const idle = await share();
  const [carried] = await Promise.all([share(), exchange(both), exchange(both)]);
  for (const one of [idle, carried]) assert.ok(one > 1.7 && one < 2.3, `${idle} ${carried}: 4000 to 2000`);
  assert.deepEqual(sizes(proxy), [1316]);
});

test('what was missed while the process was halted is not made up for', async () => {
  const { proxy, client } = await agreed({ mode: 'constant' }, { mode: 'constant', silence: 10_000 });
  const [up, down] = [proxy.up.length, proxy.down.length];
  await client.kill('SIGSTOP');
  await until(() => proxy.down.length >= down + 2000);
  await client.kill('SIGCONT');
  await until(() => proxy.up.length >= up + 100);
  await until(() => proxy.down.length >= down + 2600);
  assert.ok(proxy.up.length - up < 800, String(proxy.up.length - up));
});

test('when more waits than half a second carries, the oldest goes', async () => {
  const { send, got, client, proxy } = await agreed({ ...still, up: 20 }, { ...still, up: 20 });
  await until(() => proxy.up.length === 2);
  // None is type 4, which would wake the link.
  for (let n = 1; n <= 40; n++) send(Buffer.concat([Buffer.alloc(147, 1), Buffer.of(n)]));
  send(data(40, 99));
  await until(() => got.up.length === 16);
  assert.deepEqual(
    got.up.map((message) => message.at(-1)),
    [...Array.from({ length: 15 }, (_, n) => n + 26), 99],
  );
  assert.equal((await client.status(({ dropped }) => (dropped ?? 0) > 0))['dropped'], 25);
});

test('what is too long for a frame is dropped, and counted', async () => {
  const both = await agreed();
  both.send(data(1315));
  both.send(data(3000));
  await exchange(both);
  assert.equal(both.got.up.length, 1);
  assert.equal((await both.client.status(({ bad }) => (bad ?? 0) > 0))['bad'], 2);
});

for (const [key, value] of [
  ['frame', 1400],
  ['mode', 'constant'],
  ['up', 1999],
  ['down', 100],
  ['quantum', 60],
  ['idle', 30],
] as const)
  test(`another ${key} at the VPS is told by name, nothing passes, and once it is mended all goes on`, async () => {
    const { proxy, got, send, start } = await pair();
    const [server, client] = [start.server({ [key]: value }), start.client()];
    const { why } = await client.status(({ state }) => state === 'refused');
    assert.match(why, new RegExp(`^the VPS has version=1 .*\\b${key}=${value}\\b`));
    send(data(500));
    const before = proxy.up.length;
    await until(() => proxy.up.length > before + 3);
    assert.deepEqual(got.up, []);
    assert.ok([...proxy.up, ...proxy.down].every((frame) => kind(frame) === 'control'));
    assert.deepEqual(sizes(proxy), [1316], 'the answer is as long as the question');
    await server.status(({ refused }) => (refused ?? 0) > 0);
    await server.kill('SIGTERM');
    start.server();
    await client.status(({ state }) => state === 'up');
    send(data(500));
    await until(() => got.up.length === 1);
  });

test('whatever comes in, no process ends by it, and what is right still passes', async () => {
  const both = await agreed();
  const { proxy, got, send, server, client } = both;
  send(data(64));
  await until(() => got.up.length === 1);
  // The same numbers each time (a linear congruence), so that a failure comes again.
  let seed = 7;
  const next = (below: number): number => {
    seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
    return Math.floor((seed / 2_147_483_648) * below);
  };
  for (let n = 0; n < 3000; n++) {
    const frame = Buffer.from(Array.from({ length: [next(40), 1316, next(3000), 210][next(4)] ?? 0 }, () => next(256)));
    const head = [0xfff1, 0xfff2, 0xfff3, 0xfff4, 0xffff, 1315, 1315 + next(60_000)][next(7)] ?? 0;
    if (frame.length >= 2) frame.writeUInt16BE(head);
    proxy.inject(next(2) === 0 ? 'client' : 'server', frame);
    // A breath for the sockets' buffers.
    if (n % 50 === 0) await sleep(1);
  }
  await until(() => reals(proxy.up) > 0);
  assert.deepEqual([got.up.length, got.down.length], [1, 0]);
  await client.status(({ state, bad }) => state === 'up' && (bad ?? 0) > 0);
  await server.status(({ bad }) => (bad ?? 0) > 0);
  assert.doesNotMatch(client.said(), /refused/, 'a refusal of somebody else is none');
  await exchange(both);
});

test('either end may be started anew, and the connection between them too: each time it begins as the first time', async () => {
  const both = await agreed();
  const { proxy, start, server, client } = both;
  await exchange(both);
  const begun = async (what: () => Promise<void>): Promise<void> => {
    const before = proxy.down.length;
    await what();
    const welcomed = (): number => proxy.down.findIndex((frame, n) => n >= before && frame.readUInt16BE() === 0xfff2);
    await until(() => welcomed() >= 0);
    assert.ok(welcomed() - before >= 39, String(welcomed() - before));
    await exchange(both);
  };
  await begun(async () => {
    await client.kill('SIGKILL');
    start.client();
  });
  await begun(() => proxy.cut());
  await begun(async () => {
    await server.kill('SIGKILL');
    start.server();
  });
});

test('a VPS that says nothing for long is told, nothing passes meanwhile, and once it answers all goes on', async () => {
  const both = await agreed();
  await exchange(both);
  both.proxy.lost = true;
  const { why } = await both.client.status(({ state }) => state === 'connecting');
  assert.equal(why, 'no answer from the VPS');
  const before = both.proxy.up.length;
  both.send(data(77));
  await until(() => both.proxy.up.length > before + 5);
  assert.equal(reals(both.proxy.up.slice(before)), 0);
  both.proxy.lost = false;
  await until(() => both.got.up.some(({ length }) => length === 77));
});

test('several clients have each their own way to WARP, and a ninth is told that there is no more room', async () => {
  const both = await agreed();
  const server = Number(/^listen .*:(.*)$/m.exec(readFileSync(join(bench.folder, 'server', 'conf'), 'utf8'))?.[1]);
  const others = await Promise.all(
    Array.from({ length: 8 }, async (_, n) => {
      const at = (port: number): string => `127.0.0.1:${port}`;
      const proxy = (await relay(bench, server)).port;
      const listen = at(await bench.port());
      return bench.start(`other${n}`, { role: 'client', listen, proxy: at(proxy), ...usual });
    }),
  );
  const states = await Promise.all(others.map((end) => end.status(({ state }) => state !== 'connecting')));
  assert.deepEqual(states.map(({ state, why }) => `${state} ${why}`.trim()).toSorted(), [
    'refused the VPS takes no more clients',
    ...Array.from({ length: 7 }, () => 'up'),
  ]);
  await exchange(both);
});

test('when the month’s bytes are used up it is shut, also after a new start, until the next month', async () => {
  const budget = 300 * 1316;
  const { proxy, client, start } = await agreed({ budget });
  const { state, used = 0 } = await client.status((one) => one.state === 'spent');
  assert.ok(state === 'spent' && used >= budget);
  await sleep(while_);
  const before = proxy.up.length;
  await client.kill('SIGKILL');
  const again = start.client();
  await again.status((one) => one.state === 'spent');
  await sleep(while_);
  assert.equal(proxy.up.length, before, 'not one frame');
  await again.kill('SIGTERM');
  const ledger = join(bench.folder, 'client', 'used');
  const [month = 0, bytes = 0] = readFileSync(ledger, 'utf8').split(' ').map(Number);
  assert.ok(bytes >= budget);
  writeFileSync(ledger, `${month + 1} ${bytes}\n`);
  const early = start.client();
  await early.status((one) => one.state === 'spent');
  assert.equal(proxy.up.length, before, 'a clock that was put back frees nothing');
  await early.kill('SIGTERM');
  writeFileSync(ledger, `${month - 1} ${bytes}\n`);
  await start.client().status((one) => one.state === 'up');
});

test('a VPS whose bytes are used up says so', async () => {
  const { start } = await pair();
  const server = start.server({ budget: 1316 });
  const client = start.client();
  const { why } = await client.status((one) => one.state === 'refused');
  assert.equal(why, 'the budget of the VPS is used up for this month');
  await server.status((one) => one.state === 'spent');
});

test('a bad configuration is refused with its place, before anything is opened', async () => {
  const good = { role: 'client', listen: '127.0.0.1:1', proxy: '127.0.0.1:2', ...usual };
  const file = join(bench.folder, 'conf');
  const check = async (content: string) => {
    writeFileSync(file, content);
    const { code, stderr } = await exec([program, '--check', file]);
    return code === 0 ? '' : stderr.trim().replace(`op-dbus-shaper: ${file}`, '');
  };
  assert.equal(await check(text(good)), '');
  const { role: _, ...roleless } = good;
  for (const [content, expected] of [
    [text({ ...good, frame: 599 }), ':5: expected a number from 600 to 2000, not 599'],
    [text({ ...good, frame: '1316x' }), ':5: expected a number from 600 to 2000, not 1316x'],
    [text({ ...good, up: -1 }), ':6: expected a number from 1 to 10000, not -1'],
    [text({ ...good, mode: 'often' }), ':4: expected constant or on-demand, not often'],
    [
      text({ ...good, listen: '127.0.0.1' }),
      ':2: expected an IPv4 address with port, like 127.0.0.1:2499, not 127.0.0.1',
    ],
    [text({ ...good, listen: 'localhost:1' }), ':2: expected an IPv4 address, not localhost'],
    [`${text(good)}frame 1316\n`, ':12: frame is there twice'],
    [`${text(good)}colour red\n`, ':12: no such key: colour'],
    [`${text(good)}endpoint 1.2.3.4:5\n`, ": endpoint is the other role's"],
    [text(roleless), ': role is missing'],
  ] as const)
    assert.equal(await check(content), expected);
});
