// Auto-discovery by the engine: a port that somebody puts on our bridge gets flows and nothing else, and they go with it.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { difference } from '../src/core/plan.ts';
import { parse } from '../src/core/state/parse.ts';
import type { State } from '../src/core/state/schema.ts';
import type { Host } from '../src/drivers/host.ts';
import { fakeNet } from '../src/drivers/net/fake.ts';
import { fakeOpenFlow } from '../src/drivers/openflow/fake.ts';
import type { BridgeRow, PortRow } from '../src/drivers/ovsdb/contract.ts';
import { type FakeOvsdb, fakeOvsdb } from '../src/drivers/ovsdb/fake.ts';
import { observe } from '../src/engine/observe.ts';
import { run } from '../src/engine/run.ts';
import { want } from '../src/engine/want.ts';
import { fakeHost, withDevices } from './fake-host.ts';

const text = readFileSync('test/golden/policies/state.json', 'utf8');

function stateOf(given: string): State {
  const parsed = parse(given);
  assert.ok('state' in parsed, JSON.stringify(parsed));
  return parsed.state;
}

function machine(): { readonly host: Host; readonly ovsdb: FakeOvsdb } {
  const ovsdb = fakeOvsdb();
  const net = fakeNet([], 'eth0');
  return { ovsdb, host: { ...fakeHost([], net), ovsdb: withDevices(ovsdb, net), openflow: fakeOpenFlow(ovsdb) } };
}

async function apply(host: Host, state: State): Promise<readonly string[]> {
  const wanted = await want(host, state, '/files');
  const changes = difference(await observe(host), wanted.resources);
  await run(host, changes, () => {});
  assert.deepEqual(difference(await observe(host), (await want(host, state, '/files')).resources), []);
  return changes.map(({ kind, name }) => `${kind} ${name}`);
}

async function plug(ovsdb: FakeOvsdb, change: (ports: readonly PortRow[]) => readonly PortRow[]): Promise<void> {
  const row = (await ovsdb.bridges()).find(({ name }) => name === 'ovsbr0');
  assert.ok(row);
  ovsdb.plant({ ...row, ports: change(row.ports) } satisfies BridgeRow);
}

function stranger(name: string, more: Partial<PortRow['interface']>): PortRow {
  const blank = {
    type: '',
    ofport: null,
    ofportRequest: null,
    mac: null,
    macInUse: null,
    error: null,
    externalIds: {},
  };
  return { name, externalIds: {}, interface: { name, ...blank, ...more } };
}

test('a port comes and goes: its flows come and go, and nothing else', async () => {
  const { host, ovsdb } = machine();
  const state = stateOf(text);
  await apply(host, state);
  assert.deepEqual(await apply(host, state), []);
  ovsdb.plug('veth150i0');
  const attached = { externalIds: { 'attached-mac': 'BC:24:11:00:00:01' } };
  await plug(ovsdb, (ports) => [
    ...ports,
    stranger('veth150i0', attached),
    stranger('internal_160', { type: 'internal', mac: '02:00:00:00:00:07' }),
  ]);
  const { notes, topology } = await want(host, state, '/files');
  assert.deepEqual(
    topology.discovered.map(({ id, mac }) => [id, mac]),
    [
      [150, 'bc:24:11:00:00:01'],
      [160, '02:00:00:00:00:07'],
    ],
  );
  assert.ok(notes.some((note) => note.startsWith('veth150i0 on ovsbr0 was discovered: container 150')));
  assert.deepEqual(await apply(host, state), ['flow ovsbr0']);
  const lines = async (): Promise<string> =>
    JSON.stringify((await observe(host)).filter(({ kind }) => kind === 'flow'));
  assert.match(await lines(), /in_port=veth150i0,dl_src=bc:24:11:00:00:01,nw_src=10\.0\.0\.150,tp_dst=443/);
  await plug(ovsdb, (ports) => ports.filter(({ name }) => !/^(veth150i0|internal_160)$/.test(name)));
  assert.deepEqual(await apply(host, state), ['flow ovsbr0']);
  assert.doesNotMatch(await lines(), /150i0|internal_160|10\.0\.0\.160/);
});

test("our own ports, a bridge's own, and ports that the switch couldn't open are not discovered", async () => {
  const { host, ovsdb } = machine();
  const state = stateOf(text);
  ovsdb.plug('veth101');
  await apply(host, state);
  const local = stranger('ovsbr0', { type: 'internal' });
  await plug(ovsdb, (ports) => [...ports, stranger('veth151', {}), local]);
  const { topology, notes } = await want(host, state, '/files');
  assert.deepEqual([topology.discovered, notes], [[], []]);
  const fewer = JSON.parse(text) as { plugins: { lxc: { containers: { id: number }[] } } };
  fewer.plugins.lxc.containers = fewer.plugins.lxc.containers.filter(({ id }) => id !== 101);
  const left = stateOf(JSON.stringify(fewer).replace('container:app-b', 'container:102'));
  assert.deepEqual((await want(host, left, '/files')).topology.discovered, []);
  await plug(ovsdb, (ports) => ports.map((port) => ({ ...port, externalIds: {} })));
  const unmarked = await want(host, state, '/files');
  assert.deepEqual([unmarked.topology.discovered, unmarked.notes], [[], []]);
  assert.deepEqual(
    (await want(host, left, '/files')).topology.discovered.map(({ id }) => id),
    [101],
  );
});

test('without auto-discovery the database is not asked', async () => {
  const { host } = machine();
  const off = text.replace('"auto_discover_containers": true', '"auto_discover_containers": false');
  const ovsdb = { ...host.ovsdb, bridges: () => Promise.reject(new Error('asked')) };
  await want({ ...host, ovsdb }, stateOf(off), '/files');
});
