// The contract on a private dbus-daemon, with busctl(1) as the oracle of our own objects; and buses that misbehave.

import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { after, before, test } from 'node:test';
import { connectBus, systemBus } from './client.ts';
import type { Bus } from './contract.ts';
import { dbusSuite, sample, sampleName, type Sample } from './suite.ts';
import { type PrivateBus, startBus } from './testing.ts';
import { unmarshalled } from './wire.ts';

let daemon: PrivateBus;
before(async () => {
  daemon = await startBus();
});
after(() => daemon.stop());

dbusSuite('dbus-daemon', () => connectBus(daemon.socket));

const object = [sampleName, '/org/opdbus1/sample'] as const;
const own = [...object, 'org.opdbus1.Sample'] as const;

async function served(use: (given: Sample, bus: Bus) => Promise<void>): Promise<void> {
  const bus = await connectBus(daemon.socket);
  try {
    await use(await sample(bus), bus);
  } finally {
    await bus.close();
  }
}

test('busctl reads our introspection: types, access and values', () =>
  served(async () => {
    const { stdout, code, stderr } = await daemon.busctl('--no-pager', 'introspect', ...object);
    assert.equal(code, 0, stderr);
    const rows = stdout.split('\n').map((line) => line.trim().split(/\s+/).join(' '));
    for (const row of [
      'org.opdbus1.Sample interface - - -',
      '.Join method sas s -',
      '.Echo method v v -',
      '.Happened signal sx - -',
      '.Level property u 3 emits-change writable',
      '.Name property s "one" emits-change',
      '.Big property t 18446744073709551615 const',
      '.Quiet property i -5 emits-invalidation',
      'org.freedesktop.DBus.Properties interface - - -',
    ])
      assert.ok(rows.includes(row), `${row}\n${stdout}`);
  }));

test('busctl calls our methods, and is refused with wrong types, by name, without a stack', () =>
  served(async ({ values }) => {
    assert.equal((await daemon.busctl('call', ...own, 'Join', 'sas', '-', '2', 'a', 'b')).stdout, 's "a-b"');
    assert.equal((await daemon.busctl('call', ...own, 'Who')).stdout.split(' ').at(-1), String(process.getuid?.()));
    assert.equal((await daemon.busctl('set-property', ...own, 'Level', 'u', '7')).code, 0);
    assert.equal(values.level, 7);
    const refused: readonly (readonly [readonly string[], RegExp])[] = [
      [['call', ...own, 'Join', 'ss', 'a', 'b'], /expected arguments of type "sas", not "ss"/],
      [['call', ...own, 'Join'], /expected arguments of type "sas", not ""/],
      [['call', ...own, 'Fail'], /an internal error of the service/],
      [['call', ...own, 'None'], /no method None/],
      [['set-property', ...own, 'Name', 's', 'x'], /Name is read-only/],
      [['set-property', ...own, 'Level', 's', 'x'], /expected arguments of type "u", not "s"/],
    ];
    for (const [argv, message] of refused) {
      const { code, stderr } = await daemon.busctl(...argv);
      assert.equal(code, 1);
      assert.match(stderr, message);
      assert.doesNotMatch(stderr, /\.ts|at async|node_modules/);
    }
    assert.equal(values.name, 'one');
    // A call that wants no answer gets none, and the next one is answered.
    assert.equal((await daemon.busctl('call', '--expect-reply=no', ...own, 'Fail')).code, 0);
    assert.equal((await daemon.busctl('call', ...own, 'Join', 'sas', '', '0')).stdout, 's ""');
    assert.equal((await daemon.busctl('call', ...object, 'org.freedesktop.DBus.Peer', 'Ping')).code, 0);
  }));

test('busctl sees the tree of our objects, and what an ObjectManager gives', () =>
  served(async (_, bus) => {
    bus.manage('/org/opdbus1');
    bus.export('/org/opdbus1/container/a_1', [
      { name: 'org.opdbus1.Container', properties: { Id: { signature: 'u', get: () => 100 } } },
    ]);
    const tree = await daemon.busctl('--no-pager', '--list', 'tree', sampleName);
    for (const path of ['/org/opdbus1', '/org/opdbus1/container', '/org/opdbus1/container/a_1', '/org/opdbus1/sample'])
      assert.ok(tree.stdout.split('\n').includes(path), tree.stdout);
    const { stdout } = await daemon.busctl(
      ...['call', sampleName, '/org/opdbus1', 'org.freedesktop.DBus.ObjectManager', 'GetManagedObjects'],
    );
    assert.match(stdout, /^a\{oa\{sa\{sv\}\}\} 2 /);
    assert.match(stdout, /"\/org\/opdbus1\/container\/a_1" 1 "org\.opdbus1\.Container" 1 "Id" u 100/);
  }));

test('a monitor sees our signals and calls, and its end leaves us at work', () =>
  served(async ({ exported }) => {
    const argv = [`--address=${daemon.address}`, '--json=short', 'monitor', sampleName];
    const monitor = spawn('busctl', argv, { stdio: ['ignore', 'pipe', 'pipe'] });
    try {
      let text = '';
      const saw = (word: string) =>
        new Promise<void>((resolve) =>
          monitor.stdout.on('data', (chunk: Buffer) => {
            text += chunk.toString();
            if (text.includes(word)) resolve();
          }),
        );
      const seen = saw('"Happened"');
      await once(monitor.stderr, 'data');
      exported.emit('org.opdbus1.Sample', 'Happened', ['x', 1n]);
      await seen;
    } finally {
      const exit = once(monitor, 'exit');
      monitor.kill('SIGKILL');
      await exit;
    }
    assert.equal((await daemon.busctl('call', ...own, 'Join', 'sas', '', '0')).stdout, 's ""');
  }));

test('a name that the policy denies is an error of the host in the words of the bus', async () => {
  const bus = await connectBus(daemon.socket);
  await assert.rejects(bus.request('org.opdbus1.Denied'), { code: 'host', message: /not allowed to own/ });
  await bus.close();
});

test('a message that can not be read is passed on without its body, and ends nothing', () => {
  for (const signature of ['(', 'a{vs}', `${'('.repeat(33)}y${')'.repeat(33)}`])
    assert.deepEqual(unmarshalled({ type: 1, serial: 5, signature, body: [1] }), {
      type: 1,
      serial: 5,
      signature,
      body: [],
    });
  assert.deepEqual(unmarshalled({ type: 1, serial: 5, signature: 'as', body: [7] }).body, []);
});

test('the system bus is connected to once, and anew when it has gone', async () => {
  const first = await startBus();
  const driver = systemBus(first.socket);
  const bus = await driver.system();
  assert.equal(await driver.system(), bus);
  const never = bus
    .call({ destination: bus.name, path: '/', interface: 'a.b', member: 'C' })
    .catch((error: unknown) => error);
  await never;
  await first.stop();
  assert.match((await bus.ended)?.message ?? '', /is gone/);
  await assert.rejects(bus.user(':1.0'), { code: 'host', message: /is gone/ });
  await assert.rejects(driver.system(), { code: 'host', hint: /systemctl status dbus/ });
  await driver.close();
});

test('no bus, a bus that closes, is silent, or talks nonsense is an error within its deadline', async () => {
  await assert.rejects(connectBus('/nonexistent/bus'), { code: 'host', message: /ENOENT/ });
  const cases: readonly (readonly [(socket: Socket) => void, string])[] = [
    [(socket) => socket.end(), 'host'],
    [() => {}, 'timeout'],
    [(socket) => socket.write('REJECTED KERBEROS\r\n'), 'host'],
    [(socket) => socket.write(`OK 1234deadbeef\r\n${'x'.repeat(64)}`), 'host'],
  ];
  for (const [answer, code] of cases) {
    const folder = await mkdtemp(join(tmpdir(), 'op-dbus-bus-'));
    const sockets: Socket[] = [];
    const server = createServer((socket) => {
      sockets.push(socket);
      socket.on('error', () => {}).once('data', () => answer(socket));
    });
    await new Promise<void>((resolve) => server.listen(join(folder, 'bus'), resolve));
    try {
      await assert.rejects(connectBus(join(folder, 'bus'), 100), { code });
    } finally {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
      await rm(folder, { recursive: true });
    }
  }
});
