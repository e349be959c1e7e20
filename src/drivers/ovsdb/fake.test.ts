// The fake database keeps the contract, and its own promises for tests.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { BridgeRow, PortRow } from './contract.ts';
import { fakeOvsdb } from './fake.ts';
import { bridge, describeOvsdb, port } from './suite.ts';

describeOvsdb('the fake database', async () => {
  const fake = fakeOvsdb();
  const plain = { datapathType: '', failMode: '', otherConfig: {}, externalIds: {} };
  return {
    ovsdb: fake,
    other: fake,
    foreignBridge: async (name) => fake.plant({ ...plain, name, ports: [foreign(name)] }),
    foreignPort: async (on, name) => {
      const row = (await fake.bridges()).find((candidate) => candidate.name === on) as BridgeRow;
      fake.plant({ ...row, ports: [...row.ports, foreign(name)] });
    },
    stop: () => fake.close(),
  };
});

test('a number that is taken is not given twice; the next gets the lowest free one', async () => {
  const fake = fakeOvsdb();
  const wanted = [port('br', 'a', { ofportRequest: 1 }), port('br', 'b', { ofportRequest: 1 }), port('br', 'c')];
  await fake.transact([bridge('br'), ...wanted], 'test');
  const [row] = await fake.bridges();
  assert.deepEqual(
    row?.ports.map(({ name, interface: { ofport } }) => [name, ofport]),
    [
      ['a', 1],
      ['b', 2],
      ['br', 65534],
      ['c', 3],
    ],
  );
  assert.deepEqual(fake.comments, ['test']);
});

test('a port over a device that comes later gets its number then', async () => {
  const fake = fakeOvsdb();
  await fake.transact([bridge('br'), port('br', 'veth1', { type: '', ofportRequest: 12 })], 'test');
  assert.equal((await fake.bridges())[0]?.ports[1]?.interface.ofport, -1);
  fake.plug('veth1');
  const row = (await fake.bridges())[0]?.ports[1]?.interface;
  assert.deepEqual([row?.ofport, row?.error], [12, null]);
});

function foreign(name: string): PortRow {
  const empty = { ofport: null, ofportRequest: null, mac: null, macInUse: null, error: null, externalIds: {} };
  return { name, externalIds: {}, interface: { name, type: 'internal', ...empty } };
}
