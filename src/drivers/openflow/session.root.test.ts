// The session against a real switch with dummy ports, and ovs-ofctl beside it.

import assert from 'node:assert/strict';
import { createConnection, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { run as insist } from '../exec.ts';
import { type DummySwitch, startDummySwitch } from '../ovsdb/testing.ts';
import { refused } from './commit.ts';
import { dial } from './connection.ts';
import { readPorts } from './read.ts';
import { openSession, type Session } from './session.ts';
import { watchPorts } from './watch.ts';
import { FLAG, type FlowMod, type RawFlow } from './wire/flow.ts';
import { TYPE } from './wire/message.ts';
import type { FlowUpdate } from './wire/monitor.ts';
import type { PortChange } from './wire/port.ts';

let ovs: DummySwitch;
const sessions: Session[] = [];
const bytes = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'hex'));
const vsctl = (...argv: readonly string[]): Promise<string> => insist(ovs.run, ['ovs-vsctl', ...argv]);
const ofctl = (...argv: readonly string[]): Promise<string> =>
  insist(ovs.run, ['ovs-ofctl', '-O', 'OpenFlow14', ...argv]);

before(async () => {
  ovs = await startDummySwitch();
  await vsctl(
    'add-br',
    'br0',
    '--',
    'set',
    'Bridge',
    'br0',
    'fail_mode=secure',
    'other_config:hwaddr=02:0a:00:00:00:01',
  );
  await vsctl('add-port', 'br0', 'p100', '--', 'set', 'Interface', 'p100', 'ofport_request=100', 'type=dummy');
  await vsctl('add-br', 'old', '--', 'set', 'Bridge', 'old', 'fail_mode=secure', 'protocols=OpenFlow13');
  await vsctl('add-br', 'older', '--', 'set', 'Bridge', 'older', 'protocols=OpenFlow10');
});
after(async () => {
  for (const session of sessions) await session.close();
  await ovs.stop();
});

async function open(bridge = 'br0'): Promise<Session> {
  const session = await openSession(join(ovs.folder, `${bridge}.mgmt`));
  sessions.push(session);
  return session;
}

/** A bridge without flows. */
async function empty(bridge = 'br0'): Promise<Session> {
  const session = await open(bridge);
  await session.commit([{ command: 'delete', flow: { ...drop, table: 255, match: new Uint8Array() } }]);
  return session;
}

const IP = bytes('80000a020800');
const ARP = bytes('80000a020806');
const OUTPUT_100 = bytes('00040018000000000000001000000064ffff000000000000');
const GOTO_0 = bytes('0001000800000000');
const METER_9 = bytes('0006000800000009');
const TO_CONTROLLER = bytes('000400180000000000000010fffffffdffff000000000000');

const drop: RawFlow = {
  cookie: 0xdead0001n,
  table: 0,
  priority: 5,
  idleTimeout: 0,
  hardTimeout: 0,
  importance: 0,
  flags: 0,
  match: IP,
  instructions: new Uint8Array(),
};
const arp = { ...drop, table: 1, cookie: 0xbeef0001n, match: ARP, instructions: OUTPUT_100 };
const add = (flow: RawFlow): FlowMod => ({ command: 'add', flow });

for (const bridge of ['br0', 'old'])
  test(`${bridge}: what was committed reads back, byte for byte`, async () => {
    const session = await empty(bridge);
    assert.equal(session.version, bridge === 'br0' ? 5 : 4);
    const importance = bridge === 'br0' ? 7 : 0;
    const long = {
      ...drop,
      table: 3,
      priority: 65_535,
      idleTimeout: 300,
      hardTimeout: 65_535,
      importance,
      flags: FLAG.sendRemoved,
    };
    const wanted = [drop, { ...long, cookie: 2n ** 64n - 2n }];
    await session.commit(wanted.map(add));
    assert.deepEqual(await session.dump(), wanted);
    const counted = await session.counted();
    assert.deepEqual(
      counted.map(({ flow, packets, bytes: octets }) => [flow, packets, octets]),
      wanted.map((flow) => [flow, 0n, 0n]),
    );
  });

test('a switch that speaks neither 1.4 nor 1.3 is an error that says what to do', async () => {
  await assert.rejects(open('older'), { code: 'host', message: /OpenFlow 1\.0/, hint: /protocols/ });
});

test('a strict delete takes its flow, if the cookie fits; a loose modify changes what it covers', async () => {
  const session = await empty();
  const other = { ...drop, priority: 6 };
  await session.commit([add(drop), add(other), add(arp)]);
  await session.commit([{ command: 'delete-strict', flow: { ...drop, cookie: 1n }, cookieMask: 2n ** 64n - 1n }]);
  assert.equal((await session.dump()).length, 3);
  await session.commit([{ command: 'delete-strict', flow: drop, cookieMask: 2n ** 64n - 1n }]);
  assert.deepEqual(await session.dump(), [other, arp]);
  await session.commit([{ command: 'modify', flow: { ...other, instructions: OUTPUT_100, match: new Uint8Array() } }]);
  assert.deepEqual(await session.dump(), [{ ...other, instructions: OUTPUT_100 }, arp]);
});

test('a bundle with one flow that the switch refuses changes nothing, and names it', async () => {
  for (const bridge of ['br0', 'old']) {
    const session = await empty(bridge);
    await session.commit([add(drop)]);
    const bad: readonly (readonly [Partial<RawFlow>, string])[] = [
      [{ match: bytes('80001a020050') }, 'OFPBMC_BAD_PREREQ'],
      [{ match: bytes('80000a02') }, 'OFPBMC_BAD_LEN'],
      [{ instructions: bytes('0063000800000000') }, 'OFPBIC_UNKNOWN_INST'],
      [{ instructions: GOTO_0 }, 'OFPBIC_BAD_TABLE_ID'],
      [{ instructions: METER_9 }, 'OFPMMFC_INVALID_METER'],
    ];
    for (const [change, name] of bad) {
      const mods: readonly FlowMod[] = [
        add(arp),
        { command: 'delete', flow: drop },
        add({ ...arp, ...change }),
        add(arp),
      ];
      const error: unknown = await session.commit(mods).catch((cause: unknown) => cause);
      assert.deepEqual(refused(error), { name, index: 2 }, `${bridge}: ${String(error)}`);
      assert.match(String(error), new RegExp(`change 3 of 4: ${name}`));
      assert.deepEqual(await session.dump(), [drop]);
    }
  }
});

test('commits and questions may run side by side', async () => {
  const session = await empty();
  const bundle = (cookie: bigint): readonly FlowMod[] =>
    Array.from({ length: 200 }, (_, index) => add({ ...drop, cookie, priority: index }));
  const bad = add({ ...drop, instructions: METER_9 });
  const [first, dump, error, ports, last] = await Promise.all([
    session.commit(bundle(1n)),
    session.dump(),
    session.commit([...bundle(2n), bad]).catch((cause: unknown) => cause),
    session.ports(),
    session.commit(bundle(3n)),
    session.meters(),
  ]);
  assert.deepEqual([first, last, ports.length], [undefined, undefined, 2]);
  assert.ok(dump.length === 0 || dump.length === 200);
  assert.deepEqual(refused(error), { name: 'OFPMMFC_INVALID_METER', index: 200 });
  const flows = await session.dump();
  assert.ok(flows.length === 200 && flows.every(({ cookie }) => cookie === flows[0]?.cookie && cookie !== 2n));
});

test('counters of flows that a bundle does not touch survive it', async () => {
  const session = await empty();
  await session.commit([add(drop), add(arp)]);
  const packet =
    'in_port(1),eth(src=02:0a:00:00:01:64,dst=02:0a:00:00:00:01),eth_type(0x0800),' +
    'ipv4(src=10.0.0.1,dst=10.0.0.2,proto=1,tos=0,ttl=64,frag=no),icmp(type=8,code=0)';
  for (let index = 0; index < 3; index++) await insist(ovs.run, ['ovs-appctl', 'netdev-dummy/receive', 'p100', packet]);
  const packets = async (): Promise<bigint | undefined> =>
    (await session.counted()).find(({ flow }) => flow.cookie === drop.cookie)?.packets;
  await insist(ovs.run, ['ovs-appctl', 'revalidator/purge']);
  for (const end = Date.now() + 5000; (await packets()) !== 3n && Date.now() < end; ) await sleep(5);
  assert.equal(await packets(), 3n);
  await session.commit([add({ ...arp, cookie: 7n }), add({ ...drop, priority: 1 })]);
  assert.equal(await packets(), 3n);
  const [table] = await session.tables();
  assert.ok(table !== undefined && table.active === 2 && table.matched >= 1n, JSON.stringify(table, String));
  const port = (await session.portStats()).find(({ number }) => number === 100);
  assert.equal(port?.received.packets, 3n);
});

test('ports are what ovs-ofctl shows', async () => {
  const session = await open();
  const shown = await ofctl('dump-ports-desc', 'br0');
  const theirs = [...shown.matchAll(/^ (\w+)\((\S+)\): addr:(\S+)$/gm)].map(([, number, name, mac]) => [
    number === 'LOCAL' ? 0xfffffffe : Number(number),
    name,
    mac,
  ]);
  const ours = (await session.ports()).map(({ number, name, mac }) => [number, name, mac]);
  assert.deepEqual(new Set(ours), new Set(theirs));
  assert.equal(theirs.length, 2);
});

test('meters are made, changed and left alone as wanted, and read back', async () => {
  const session = await empty();
  const one = { id: 9, unit: 'pktps', burst: true, stats: true, bands: [{ rate: 50, burst: 100 }] } as const;
  const two = { id: 70_000, unit: 'kbps', burst: false, stats: false, bands: [{ rate: 9, burst: 0 }] } as const;
  await session.putMeters([one, two]);
  const made = await session.meters();
  assert.deepEqual(
    made.map(({ id, unit, bands }) => [id, unit, bands[0]?.rate]),
    [
      [9, 'pktps', 50],
      [70_000, 'kbps', 9],
    ],
  );
  const age = async (id: number): Promise<number> =>
    (await session.meterStats()).find((meter) => meter.id === id)?.seconds ?? Number.NaN;
  await sleep(20);
  await session.putMeters([{ ...one, bands: [{ rate: 60, burst: 100 }] }, two]);
  assert.deepEqual((await session.meters())[0]?.bands, [{ rate: 60, burst: 100 }]);
  assert.ok((await age(70_000)) >= 0.02);
  assert.equal((await session.meterFeatures()).bandTypes, 2);
  await session.removeMeters([9, 70_000, 5]);
  assert.deepEqual(await session.meters(), []);
});

test('a meter that a flow uses is not deleted, nor is any beside it', async () => {
  const session = await empty();
  const meter = { id: 9, unit: 'pktps', burst: false, stats: false, bands: [{ rate: 50, burst: 0 }] } as const;
  await session.putMeters([meter, { ...meter, id: 8 }]);
  await session.commit([add({ ...drop, instructions: METER_9 })]);
  await assert.rejects(session.removeMeters([8, 9]), { code: 'foreign', message: /meter 9 is used by 1 flows/ });
  assert.equal((await session.dump()).length, 1);
  assert.equal((await session.meters()).length, 2);
  await session.commit([add(drop)]);
  await session.removeMeters([8, 9]);
  assert.deepEqual([(await session.dump()).length, (await session.meters()).length], [1, 0]);
});

test('a meter that the switch refuses is named', async () => {
  const session = await empty();
  const meter = { id: 7, unit: 'pktps', burst: false, stats: false, bands: [{ rate: 50, burst: 0 }] } as const;
  const nine = Array.from({ length: 9 }, () => meter.bands[0]);
  await assert.rejects(session.putMeters([meter, { ...meter, id: 300_000, bands: nine }]), {
    code: 'protocol',
    message: 'making meter 300000: the switch refused: OFPMMFC_OUT_OF_BANDS',
  });
  await session.removeMeters([7]);
});

test('a watch tells what is there, then what others change, then no more', async () => {
  const session = await empty();
  await session.commit([add(drop), add(arp)]);
  const updates: FlowUpdate[] = [];
  const stop = await session.watch((update) => updates.push(update));
  const events = (): readonly string[] => updates.map(({ event }) => event);
  assert.deepEqual(events(), ['initial', 'initial']);
  const { flags: _, importance: __, ...seen } = arp;
  assert.deepEqual(updates[1], { event: 'initial', flow: seen });
  updates.length = 0;
  await ofctl('add-flow', 'br0', 'table=4,priority=9,cookie=0x77,udp,actions=drop');
  await ofctl('mod-flows', 'br0', 'table=4,actions=output:100');
  await ofctl('del-flows', 'br0', 'table=4');
  await session.dump();
  assert.deepEqual(events(), ['added', 'modified', 'removed']);
  assert.ok(updates.every((update) => 'flow' in update && update.flow.cookie === 0x77n && update.flow.table === 4));
  updates.length = 0;
  await session.commit([add({ ...arp, cookie: 5n })]);
  await session.dump();
  assert.deepEqual(events(), ['abbreviated']);
  updates.length = 0;
  await stop();
  await ofctl('add-flow', 'br0', 'table=5,actions=drop');
  await session.dump();
  assert.deepEqual(updates, []);
});

test('a watch that falls behind says so: paused, then resumed', () =>
  relayed(async (path, pause) => {
    const writer = await empty();
    const watcher = await openSession(path);
    sessions.push(watcher);
    const updates: string[] = [];
    const stop = await watcher.watch(({ event }) => updates.push(event));
    pause(true);
    // More than the socket and the switch keep for a connection that doesn't read.
    const many = Array.from({ length: 20_000 }, (_, index) => add({ ...drop, table: 6, priority: index + 1 }));
    await writer.commit(many);
    pause(false);
    for (const end = Date.now() + 5000; !updates.includes('resumed') && Date.now() < end; ) await watcher.tables();
    assert.deepEqual(
      updates.filter((event) => event !== 'added'),
      ['paused', 'resumed'],
    );
    assert.equal(updates.length, many.length + 2);
    await stop();
  }));

test('ports that come and go are told, and packets for a controller are not', async () => {
  for (const bridge of ['br0', 'old']) {
    const session = await empty(bridge);
    const changes: PortChange[] = [];
    const told = new Set<number>();
    const connection = await dial(join(ovs.folder, `${bridge}.mgmt`));
    connection.listen(({ type }) => told.add(type));
    const stop = await watchPorts(connection, (change) => changes.push(change));
    await vsctl('add-port', bridge, `late-${bridge}`, '--', 'set', 'Interface', `late-${bridge}`, 'type=dummy');
    await session.commit([add({ ...drop, match: new Uint8Array(), instructions: TO_CONTROLLER })]);
    await insist(ovs.run, [
      'ovs-appctl',
      'netdev-dummy/receive',
      `late-${bridge}`,
      'eth(src=02:0a:00:00:01:64,dst=02:0a:00:00:00:01),eth_type(0x1234)',
    ]);
    await vsctl('del-port', bridge, `late-${bridge}`);
    await readPorts(connection);
    assert.deepEqual(told, new Set([TYPE.portStatus]));
    assert.ok(changes.every(({ port }) => port.name === `late-${bridge}`));
    const events = changes.map(({ event }) => event);
    assert.deepEqual([events[0], events.at(-1)], ['added', 'deleted']);
    await stop();
    await connection.close();
  }
});

test('a switch that goes ends the session', async () => {
  const session = await open('old');
  await vsctl('del-br', 'old');
  assert.equal((await session.ended).code, 'host');
  await assert.rejects(session.dump(), { code: 'host' });
  await assert.rejects(open('old'), { code: 'host', message: /old\.mgmt/ });
});

/** A socket that leads to the bridge, and passes nothing on of what the switch says while it is paused. */
async function relayed(use: (path: string, pause: (paused: boolean) => void) => Promise<void>): Promise<void> {
  const path = join(ovs.folder, 'relay.sock');
  const sockets: Socket[] = [];
  const server = createServer((client) => {
    const upstream = createConnection({ path: join(ovs.folder, 'br0.mgmt') });
    sockets.push(upstream, client);
    for (const socket of [upstream, client]) socket.on('error', () => {});
    client.on('data', (chunk) => upstream.write(chunk));
    upstream.on('data', (chunk) => client.write(chunk));
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  try {
    await use(path, (paused) => void (paused ? sockets[0]?.pause() : sockets[0]?.resume()));
  } finally {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  }
}
