// The fake keeps the contract.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { BridgeRow } from '../ovsdb/contract.ts';
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

openflowSuite('fake openflow', async () => ({ openflow: fakeOpenFlow({ bridges: async () => [bridge] }) }));

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
