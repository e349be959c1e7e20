// The counters of datapaths, as Open vSwitch 3.1 prints them.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { upcalls } from './switch.ts';

const text = `system@ovs-system:
  lookups: hit:40 missed:12 lost:11
  flows: 3
  masks: hit:60 total:2 hit/pkt:1.15
  port 0: ovs-system (internal)
netdev@ovs-netdev:
  lookups: hit:0 missed:5 lost:0
  flows: 0
  port 0: ovs-netdev (tap)
`;

test('each datapath has its own counters', () => {
  assert.deepEqual(upcalls(text), [
    { datapath: 'system@ovs-system', missed: 12, lost: 11 },
    { datapath: 'netdev@ovs-netdev', missed: 5, lost: 0 },
  ]);
});

test('a switch without a datapath has none', () => {
  assert.deepEqual(upcalls(''), []);
});
