// Steps to operations, without a socket: what is said to the database, and how its answer is read.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { OpError } from '../../error.ts';
import { Framer } from './codec.ts';
import { type Operation, type Snapshot, snapshot } from './rows.ts';
import { bridge, port } from './suite.ts';
import { outcome, transaction } from './transaction.ts';

const replies = new Framer().push(readFileSync(new URL('captured.txt', import.meta.url))) as readonly {
  result: unknown;
}[];
const result = (index: number): unknown => replies[index]?.result;

const empty: Snapshot = { bridges: [], uuids: { bridge: new Map(), port: new Map() } };
const found = snapshot(result(0) as readonly unknown[]);
const BRIDGE = '95842c0d-6b08-46d5-afa0-1d4e138e8ed2';
const PORT = 'a65cffb6-ac99-4968-9f9b-007acc86c241';

const operations = (seen: Snapshot, ...steps: Parameters<typeof transaction>[1]): readonly Operation[] =>
  transaction(seen, steps, 'why').operations;
const names = (list: readonly Operation[]): readonly string[] =>
  list.map(({ op, table }) => `${op} ${typeof table === 'string' ? table : ''}`.trim());

test('a captured snapshot is read into bridges and ports, sorted by name', () => {
  const [row] = found.bridges;
  assert.equal(row?.failMode, 'secure');
  assert.equal(row?.externalIds['note'], 'quote " brace } bracket ] é 🔒');
  assert.deepEqual(
    row?.ports.map((each) => [each.name, each.interface.name, each.interface.ofport]),
    [
      ['ovsbr0', 'ovsbr0', 65534],
      ['veth103', 'veth103', -1],
      ['wg-warp', 'internal_101', 101],
    ],
  );
  assert.equal(row?.ports[1]?.interface.error, 'could not open network device veth103 (No such device)');
  assert.equal(row?.ports[2]?.interface.mac, '02:0a:00:00:01:65');
  assert.equal(found.uuids.port.get('wg-warp'), PORT);
});

test('a new bridge is secure in the row that makes it, and joins the root', () => {
  const list = operations(empty, bridge('br0'), port('br0', 'p', { ofportRequest: 5, mac: '02:00:00:00:00:01' }));
  assert.deepEqual(names(list), [
    'insert Interface',
    'insert Port',
    'insert Bridge',
    'mutate Open_vSwitch',
    'insert Interface',
    'insert Port',
    'mutate Bridge',
    'comment',
    'mutate Open_vSwitch',
    'select Open_vSwitch',
  ]);
  assert.deepEqual(list[2]?.['row'], {
    name: 'br0',
    datapath_type: 'dummy',
    fail_mode: 'secure',
    other_config: ['map', Object.entries({ 'disable-in-band': 'true', hwaddr: '02:0a:00:00:00:01' })],
    external_ids: ['map', [['op-dbus', 'br0']]],
    ports: ['named-uuid', 'row1'],
  });
  assert.deepEqual(list[0]?.['row'], { name: 'br0', type: 'internal' });
  assert.deepEqual(list[4]?.['row'], { name: 'p', type: 'internal', ofport_request: 5, mac: '02:00:00:00:00:01' });
  assert.deepEqual(list.at(-2)?.['mutations'], [['next_cfg', '+=', 1]]);
});

test('every transaction ends by bumping and selecting next_cfg, with its comment', () => {
  const list = operations(found, { op: 'delete-port', bridge: 'ovsbr0', name: 'wg-warp' });
  assert.deepEqual(list.slice(-3), [
    { op: 'comment', comment: 'why' },
    { op: 'mutate', table: 'Open_vSwitch', where: [], mutations: [['next_cfg', '+=', 1]] },
    { op: 'select', table: 'Open_vSwitch', where: [], columns: ['next_cfg'] },
  ]);
});

test('a port that exists is changed in place: no row is inserted, deleted or moved', () => {
  const list = operations(found, port('ovsbr0', 'wg-warp', { device: 'internal_101', ofportRequest: 7 }));
  assert.deepEqual(names(list).slice(0, -3), ['wait Bridge', 'wait Port', 'update Port', 'update Interface']);
  assert.deepEqual(list[3]?.['row'], { type: 'internal', ofport_request: 7, mac: ['set', []] });
});

test('a port keeps its row when it gets another interface', () => {
  const list = operations(found, port('ovsbr0', 'wg-warp', { device: 'other' }));
  assert.deepEqual(names(list).slice(2, -3), ['insert Interface', 'update Port']);
});

test('rows that are touched are guarded once each, before anything is changed', () => {
  const put = port('ovsbr0', 'wg-warp', { device: 'internal_101' });
  const list = operations(found, put, put, port('ovsbr0', 'new'));
  const waits = list.filter(({ op }) => op === 'wait');
  assert.deepEqual(list.slice(0, 2), waits);
  assert.deepEqual(waits[0], {
    op: 'wait',
    timeout: 0,
    table: 'Bridge',
    where: [['_uuid', '==', ['uuid', BRIDGE]]],
    columns: ['external_ids'],
    until: '==',
    rows: [{ external_ids: ['map', Object.entries({ note: 'quote " brace } bracket ] é 🔒', 'op-dbus': 'ovsbr0' })] }],
  });
  assert.deepEqual(waits[1]?.['where'], [['_uuid', '==', ['uuid', PORT]]]);
});

test('deleting a bridge is guarded by its ports: one that somebody adds meanwhile is not lost', () => {
  const [guard, gone] = operations(found, { op: 'delete-bridge', name: 'ovsbr0' });
  assert.deepEqual(guard?.['columns'], ['external_ids', 'ports']);
  assert.deepEqual(gone?.['mutations'], [['bridges', 'delete', ['set', [['uuid', BRIDGE]]]]]);
});

test('deleting what is not there needs no transaction', () => {
  const absent = [{ op: 'delete-bridge', name: 'x' } as const, { op: 'delete-port', bridge: 'x', name: 'y' } as const];
  assert.deepEqual(transaction(found, absent, 'why'), { operations: [], interfaces: [] });
});

test('the interfaces to look after are those that were put and are still there', () => {
  const steps = [
    bridge('b'),
    port('b', 'p', { device: 'd' }),
    port('b', 'q'),
    { op: 'delete-port', bridge: 'b', name: 'q' } as const,
  ];
  assert.deepEqual(transaction(found, steps, 'why').interfaces, [
    { name: 'b', type: 'internal' },
    { name: 'd', type: 'internal' },
  ]);
});

test('a guard that failed and an index that refused mean stale; anything else is a plain refusal', () => {
  assert.deepEqual(outcome(result(2), 2).ok, true);
  assert.deepEqual(outcome(result(4), 2), { ok: false, stale: true, reason: 'timed out: "where" clause test failed' });
  const constraint = outcome(result(5), 3);
  assert.ok(
    !constraint.ok && constraint.stale && constraint.reason.includes('internal_101'),
    JSON.stringify(constraint),
  );
  const column = outcome(result(6), 1);
  assert.ok(!column.ok && !column.stale && column.reason.startsWith('unknown column'), JSON.stringify(column));
});

test('what is no list of results is refused', () => {
  for (const [reply, count] of [
    [null, 0],
    [{}, 1],
    [[{}], 2],
  ] as const)
    assert.throws(
      () => outcome(reply, count),
      (error) => error instanceof OpError && error.code === 'protocol',
    );
});

test('rows that are not of the shape that was asked for are refused', () => {
  const good = result(0) as readonly { readonly rows: readonly Readonly<Record<string, unknown>>[] }[];
  const spoil = (table: number, column: string, value: unknown): readonly unknown[] =>
    good.map(({ rows }, index) => ({
      rows: index === table ? rows.map((row) => ({ ...row, [column]: value })) : rows,
    }));
  const wrong = [
    [],
    [null, null, null],
    [{ rows: 1 }, { rows: [] }, { rows: [] }],
    [{ rows: [1] }, { rows: [] }, { rows: [] }],
    spoil(0, 'name', 7),
    spoil(0, 'external_ids', ['set', []]),
    spoil(0, 'ports', ['uuid', 'nobody']),
    spoil(1, 'interfaces', ['set', []]),
    spoil(2, 'ofport', 'high'),
    spoil(2, 'mac', undefined),
  ];
  for (const results of wrong)
    assert.throws(
      () => snapshot(results),
      (error) => error instanceof OpError && error.code === 'protocol',
      JSON.stringify(results),
    );
});
