// The fake keeps the contract.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { BridgeRow } from '../ovsdb/contract.ts';
import { watchers } from '../watch.fake.ts';
import { fakeOpenFlow } from './fake.ts';
import { openflowSuite } from './suite.ts';
import { parseFlow } from './text.ts';

const bridge = {
  name: 'ovsbr0',
  datapathType: 'netdev',
  failMode: 'secure',
  otherConfig: {},
  externalIds: {},
  ports: [{ name: 'internal_100', externalIds: {}, interface: port('internal_100', 32868) }],
} satisfies BridgeRow;

openflowSuite('fake openflow', async () => {
  const { watch, tell } = watchers();
  let ports: BridgeRow['ports'] = bridge.ports;
  return {
    openflow: fakeOpenFlow({ bridges: async () => [{ ...bridge, ports }], watch }),
    port: async (there) => {
      const more = { name: 'more', externalIds: {}, interface: port('more', 7) };
      ports = there ? [...bridge.ports, more] : bridge.ports;
      tell();
    },
  };
});

test('fake openflow: a watch ends with its bridge', async () => {
  const { watch, tell } = watchers();
  let rows: readonly BridgeRow[] = [bridge];
  const openflow = fakeOpenFlow({ bridges: async () => rows, watch });
  const { ended } = await openflow.watch('ovsbr0', () => {});
  rows = [];
  tell();
  assert.equal((await ended).code, 'host');
});

test('fake openflow: flows go with their bridge', async () => {
  let rows: readonly BridgeRow[] = [bridge];
  const openflow = fakeOpenFlow({ bridges: async () => rows });
  await openflow.bundle('ovsbr0', [parseFlow('actions=drop')], []);
  rows = [];
  await assert.rejects(openflow.flows('ovsbr0'), { code: 'host' });
  rows = [bridge];
  assert.deepEqual(await openflow.flows('ovsbr0'), []);
});

function port(name: string, ofport: number): BridgeRow['ports'][number]['interface'] {
  return {
    name,
    type: 'internal',
    ofport,
    ofportRequest: ofport,
    mac: null,
    macInUse: null,
    error: null,
    externalIds: {},
  };
}
