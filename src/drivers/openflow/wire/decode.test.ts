// Decoders: what a real switch said, what ovs-ofctl makes of the same bytes, and bytes cut and flipped.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { OpError } from '../../../error.ts';
import { printed } from '../testing.ts';
import { answers } from './bundle.ts';
import { captured, capturedAs } from './capture.ts';
import { decodeError } from './error.ts';
import { decodeCountedFlows, decodeFlows, type RawFlow } from './flow.ts';
import { negotiate } from './hello.ts';
import { begin, encodeMessage, HEAD, type Message, TYPE, type Version } from './message.ts';
import { decodeMeterFeatures, decodeMeters, decodeMeterStats } from './meter.ts';
import { decodeUpdates, type FlowUpdate, type SeenFlow } from './monitor.ts';
import { decodePart } from './multipart.ts';
import { decodePortStats, decodePortStatus, decodePorts } from './port.ts';
import { decodeTables } from './table.ts';

const part = (version: Version, name: string): Uint8Array => decodePart(capturedAs(version, name)).body;
const bytes = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex, 'hex'));
const refusal = { name: 'OpError', code: 'protocol' };
const NOTHING = 2n ** 64n - 1n;

const web: RawFlow = {
  cookie: 0xdead0001n,
  table: 2,
  priority: 7,
  idleTimeout: 300,
  hardTimeout: 600,
  importance: 9,
  flags: 1,
  match: bytes('80000a0208008000140106' + '80001c020050'),
  instructions: bytes('0006000800000005' + '00040018000000000000001000000064' + '0000000000000000'),
};

test('flows are read, with their counters or without', () => {
  const flows: RawFlow[] = [];
  decodeFlows(part(5, 'flows'), 5, (flow) => flows.push(flow));
  const drop = { ...web, cookie: 0n, table: 0, priority: 0, idleTimeout: 0, hardTimeout: 0, importance: 0, flags: 0 };
  assert.deepEqual(flows, [{ ...drop, match: new Uint8Array(), instructions: new Uint8Array() }, web]);
  const seconds: number[] = [];
  decodeCountedFlows(part(5, 'flows'), 5, (counted) => {
    assert.deepEqual([counted.flow, counted.packets, counted.bytes], [flows[seconds.length], 0n, 0n]);
    seconds.push(counted.seconds);
  });
  assert.deepEqual(
    seconds,
    [0.316, 0.338].map((_, index) => seconds[index]),
  );
});

test('ports are read in both versions', () => {
  for (const version of [5, 4] as const)
    assert.deepEqual(decodePorts(part(version, 'ports'), version), [
      { number: 0xfffffffe, name: 'br0', mac: '02:0a:00:00:00:01', down: false, unlinked: false },
      { number: 100, name: 'internal_100', mac: '02:0a:00:00:01:64', down: false, unlinked: false },
    ]);
});

test("ports' counters are read in both versions; what isn't counted is all ones", () => {
  const none = { packets: 0n, bytes: 0n, dropped: NOTHING, errors: NOTHING };
  for (const version of [5, 4] as const)
    assert.deepEqual(decodePortStats(part(version, 'portStats'), version), [
      { number: 0xfffffffe, received: none, sent: none },
      { number: 100, received: none, sent: none },
    ]);
});

test('a port that comes, goes down and leaves is told', () => {
  for (const version of [5, 4] as const) {
    const told = captured.filter((one) => one.version === version && one.name === 'status');
    const changes = told.map(({ message }) => decodePortStatus(message, version));
    assert.deepEqual(
      changes.map(({ event, port }) => [event, port.name, port.number, port.down, port.unlinked]),
      [
        ['added', 'late', 101, false, false],
        ['modified', 'late', 101, true, true],
        ['deleted', 'late', 101, true, true],
      ],
    );
  }
});

test('meters, their counters and what they can do are read', () => {
  for (const version of [5, 4] as const) {
    assert.deepEqual(decodeMeters(part(version, 'meters')), [
      { id: 5, unit: 'pktps', burst: true, stats: true, bands: [{ rate: 50, burst: 100 }] },
    ]);
    const [stats] = decodeMeterStats(part(version, 'meterStats'));
    assert.deepEqual(
      { ...stats, seconds: 0 },
      {
        id: 5,
        flows: version === 5 ? 1 : 0,
        packets: 0n,
        bytes: 0n,
        seconds: 0,
        bands: [{ packets: 0n, bytes: 0n }],
      },
    );
    assert.deepEqual(decodeMeterFeatures(part(version, 'meterFeatures')), {
      maxMeter: 262_144,
      bandTypes: 2,
      capabilities: 15,
      maxBands: 8,
      maxColor: 0,
    });
  }
});

test('tables are read in both versions', () => {
  for (const version of [5, 4] as const)
    assert.deepEqual(
      decodeTables(part(version, 'tables')).map(({ table, active }) => [table, active]),
      [
        [0, 1],
        [1, 0],
        [2, 0],
      ],
    );
});

test('the monitor tells what is there, what is modified and what is removed', () => {
  const updates: FlowUpdate[] = [];
  for (const { message } of captured.filter(({ name }) => name === 'monitor' || name === 'update'))
    decodeUpdates(decodePart(message).body, (update) => updates.push(update));
  assert.deepEqual(
    updates.map((update) => update.event),
    ['initial', 'initial', 'modified', 'removed'],
  );
  const { flags: _, importance: __, ...rest } = web;
  const seen: SeenFlow = rest;
  assert.deepEqual(updates[1], { event: 'initial', flow: seen });
  assert.deepEqual(updates[3], { event: 'removed', reason: 2, flow: { ...seen, instructions: new Uint8Array() } });
});

test('abbreviated, paused and resumed are what ovs-ofctl sees in the same bytes', async () => {
  const body = bytes('0010000000000000' + '0008000400000063' + '0008000500000000' + '0008000600000000');
  const updates: FlowUpdate[] = [];
  decodeUpdates(body.subarray(8), (update) => updates.push(update));
  assert.deepEqual(updates, [{ event: 'abbreviated', xid: 0x63 }, { event: 'paused' }, { event: 'resumed' }]);
  const [text = ''] = await printed([encodeMessage({ version: 5, type: TYPE.multipartReply, xid: 0, body })]);
  assert.match(text, /event=ABBREV xid=0x63\n event=PAUSED\n event=RESUMED/);
});

test('every error has the name that ovs-ofctl gives it', async () => {
  for (const version of [4, 5] as const) {
    const errors = [
      ...Array.from({ length: 20 * 24 }, (_, index) => errorMessage(version, Math.floor(index / 24), index % 24)),
      ...Array.from({ length: 16 }, (_, index) => errorMessage(version, 0xffff, 2300 + index, 0x4f4e4600)),
    ];
    const texts = await printed(errors.map(encodeMessage));
    assert.equal(texts.length, errors.length);
    let named = 0;
    for (const [index, error] of errors.entries()) {
      const theirs = /: (OFP\w+)\n/.exec(texts[index] ?? '')?.[1];
      if (theirs === undefined) continue;
      assert.equal(decodeError(error).name, theirs);
      named++;
    }
    assert.ok(named > 120, `${named}`);
  }
});

test("an extension's error has its number", () => {
  assert.equal(decodeError(errorMessage(5, 0xffff, 15, 0x2320)).name, 'extension 0x2320 error 15');
});

test('the answer to a step of a bundle is known from another', () => {
  for (const version of [5, 4] as const) {
    const opened = capturedAs(version, 'bundle');
    assert.equal(answers(opened, version, 'open'), true);
    assert.equal(answers(opened, version, 'commit'), false);
    assert.equal(answers({ ...opened, type: TYPE.barrierReply }, version, 'open'), false);
  }
});

test('versions: the highest common one; without a bitmap, what the head says; with none common, what to do', () => {
  const hello = (version: number, ...bitmap: readonly number[]): Message => ({
    version,
    type: TYPE.hello,
    xid: 0,
    body: Uint8Array.from(bitmap),
  });
  assert.equal(negotiate(hello(6, 0, 1, 0, 8, 0, 0, 0, 0x72)), 5);
  assert.equal(negotiate(hello(4, 0, 1, 0, 8, 0, 0, 0, 0x12)), 4);
  assert.equal(negotiate(hello(6, 0, 9, 0, 5, 7, 0, 0, 0, 0, 1, 0, 8, 0, 0, 0, 0x12)), 4);
  assert.equal(negotiate(hello(6)), 5);
  assert.equal(negotiate(hello(4)), 4);
  assert.throws(() => negotiate(hello(6, 0, 1, 0, 8, 0, 0, 0, 0x42)), { code: 'host', message: /1\.0, 1\.5/ });
  assert.throws(() => negotiate(hello(1)), { code: 'host', message: /1\.0 alone/ });
  assert.throws(() => negotiate(hello(5, 0, 1, 0, 3, 0, 0)), { code: 'protocol' });
  assert.throws(() => negotiate(hello(5, 0, 1, 0, 80, 0, 0)), { code: 'protocol' });
});

test('a message that is cut or has bytes flipped is read or refused, never anything else', () => {
  for (const one of captured) {
    const { body } = one.message;
    for (let length = 0; length < body.length; length++) survives(one.version, one.name, body.slice(0, length));
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(Math.max(body.length - 1, 0)), fc.nat(255)), { minLength: 1, maxLength: 4 }),
        (flips) => {
          const changed = body.slice();
          for (const [at, value] of flips) changed[at] = value;
          survives(one.version, one.name, changed);
        },
      ),
      { numRuns: 60 },
    );
  }
});

test('an entry that says it has no length is refused, not read for ever', () => {
  const zero = new Uint8Array(200);
  for (const decode of [
    () => decodeFlows(zero, 5, () => {}),
    () => decodeUpdates(zero, () => {}),
    () => decodeMeters(zero),
    () => decodeMeterStats(zero),
    () => decodePorts(zero, 5),
    () => decodePortStats(zero, 5),
  ])
    assert.throws(decode, { code: 'protocol' });
});

test('a band that is cut, and one that does not drop, are refused', () => {
  const changed = (name: string, at: number, value: number, length: number): Uint8Array => {
    const body = part(5, name).slice(0, length);
    new DataView(body.buffer).setUint16(at, value);
    return body;
  };
  for (const length of [10, 12, 20]) assert.throws(() => decodeMeters(changed('meters', 0, length, length)), refusal);
  for (const length of [41, 48, 55])
    assert.throws(() => decodeMeterStats(changed('meterStats', 4, length, length)), refusal);
  assert.throws(() => decodeMeters(changed('meters', 8, 2, 24)), { code: 'protocol', message: /a band of type 2/ });
});

test('a match that goes beyond its entry is refused, not read from the next', () => {
  const cases = [
    ['flows', 48, (body: Uint8Array) => decodeFlows(body, 5, () => {})],
    ['monitor', 24, (body: Uint8Array) => decodeUpdates(body, () => {})],
  ] as const;
  for (const [name, at, decode] of cases)
    for (const length of [3, 9, 16, 0xffff]) {
      const body = part(5, name).slice();
      new DataView(body.buffer).setUint16(at + 2, length);
      assert.throws(() => decode(body), { code: 'protocol', message: /a match of type 1/ }, `${name} ${length}`);
    }
});

/** Decodes as what it was before it was changed. */
function survives(version: Version, name: string, body: Uint8Array): void {
  const message: Message = { version, type: TYPE.multipartReply, xid: 1, body };
  try {
    decoders[name]?.(message, version);
  } catch (error) {
    assert.ok(error instanceof OpError, `${name}: ${String(error)}`);
    assert.ok(error.code === 'protocol' || (name === 'hello' && error.code === 'host'), `${name}: ${error.message}`);
  }
}

const decoders: Readonly<Record<string, (message: Message, version: Version) => unknown>> = {
  hello: (message) => negotiate(message),
  flows: (message, version) => decodeCountedFlows(decodePart(message).body, version, () => {}),
  ports: (message, version) => decodePorts(decodePart(message).body, version),
  portStats: (message, version) => decodePortStats(decodePart(message).body, version),
  meters: (message) => decodeMeters(decodePart(message).body),
  meterStats: (message) => decodeMeterStats(decodePart(message).body),
  meterFeatures: (message) => decodeMeterFeatures(decodePart(message).body),
  tables: (message) => decodeTables(decodePart(message).body),
  monitor: (message) => decodeUpdates(decodePart(message).body, () => {}),
  update: (message) => decodeUpdates(decodePart(message).body, () => {}),
  bundle: (message, version) =>
    answers({ ...message, type: version === 5 ? TYPE.bundleControl : TYPE.experimenter }, version, 'open'),
  status: (message, version) => decodePortStatus(message, version),
  error: (message) => decodeError(message),
};

function errorMessage(version: Version, type: number, code: number, vendor?: number): Message {
  const refused = bytes('0514000800000002');
  const { bytes: message, view } = begin(
    version,
    TYPE.error,
    1,
    HEAD + (vendor === undefined ? 4 : 8) + refused.length,
  );
  view.setUint16(HEAD, type);
  view.setUint16(HEAD + 2, code);
  if (vendor !== undefined) view.setUint32(HEAD + 4, vendor);
  message.set(refused, message.length - refused.length);
  return { version, type: TYPE.error, xid: 1, body: message.subarray(HEAD) };
}
