// The text of flow tables.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Flow } from './contract.ts';
import { identity, parseFlow, printFlow, sortFlows, strict } from './text.ts';

/** Printed by Open vSwitch 3.1.0. */
const dump = ` cookie=0xdead0001, priority=5,ip,in_port="internal_100" actions=output:"internal_101",output:40000,NORMAL
 cookie=0xdead0001, ip,in_port=33000 actions=drop
 actions=NORMAL
 cookie=0xdead0007, priority=7 actions=drop
 cookie=0x5, table=4, idle_timeout=50, hard_timeout=60, tcp actions=drop
 cookie=0x5, table=4, send_flow_rem importance=3, udp actions=drop
`;

const flow: fc.Arbitrary<Flow> = fc.record(
  {
    cookie: fc.nat().map((value) => `0x${value.toString(16)}`),
    table: fc.integer({ min: 0, max: 253 }),
    priority: fc.oneof(fc.constant(32768), fc.integer({ min: 0, max: 65535 })),
    match: fc.constantFrom(
      '',
      'ip',
      'tcp,in_port=internal_100,tp_dst=80',
      'ct_state=-new+rpl-inv+trk,ct_mark=0x640065,ip',
    ),
    actions: fc.constantFrom(
      'drop',
      'set_field:64->nw_ttl,goto_table:10',
      'ct(commit,zone=44100,exec(set_field:0x1->ct_mark))',
    ),
  },
  { noNullPrototype: true },
);

test('a dump of the switch is read with its defaults filled in and its quotes gone', () => {
  assert.deepEqual(dump.trimEnd().split('\n').map(parseFlow), [
    {
      cookie: '0xdead0001',
      table: 0,
      priority: 5,
      match: 'ip,in_port=internal_100',
      actions: 'output:internal_101,output:40000,NORMAL',
    },
    { cookie: '0xdead0001', table: 0, priority: 32768, match: 'ip,in_port=33000', actions: 'drop' },
    { cookie: '0x0', table: 0, priority: 32768, match: '', actions: 'NORMAL' },
    { cookie: '0xdead0007', table: 0, priority: 7, match: '', actions: 'drop' },
    { cookie: '0x5', table: 4, priority: 32768, match: 'idle_timeout=50,hard_timeout=60,tcp', actions: 'drop' },
    { cookie: '0x5', table: 4, priority: 32768, match: 'send_flow_rem,importance=3,udp', actions: 'drop' },
  ]);
});

test('a flow without timeouts is printed as the switch printed it', () => {
  const lines = dump.split('\n').slice(0, 4);
  assert.deepEqual(
    lines.map((line) => printFlow(parseFlow(line))),
    lines.map((line) => line.trim().replaceAll('"', '')),
  );
});

test('printing and reading is the identity', () => {
  fc.assert(fc.property(flow, (value) => assert.deepEqual(parseFlow(printFlow(value)), value)));
});

test('what is no flow is refused', () => {
  assert.throws(() => parseFlow('OFPST_FLOW reply'), { code: 'protocol', message: /OFPST_FLOW reply/ });
});

test('flows are sorted by table, then by falling priority, then by text, wherever they stood', () => {
  const flows = [
    'priority=0 actions=drop',
    'priority=9,ip actions=drop',
    'priority=9,arp actions=drop',
    'table=2, priority=10 actions=drop',
  ].map(parseFlow);
  assert.deepEqual(sortFlows(flows).map(printFlow), [
    'priority=9,arp actions=drop',
    'priority=9,ip actions=drop',
    'priority=0 actions=drop',
    'table=2, priority=10 actions=drop',
  ]);
  fc.assert(
    fc.property(fc.shuffledSubarray(flows, { minLength: 4 }), (list) =>
      assert.deepEqual(sortFlows(list), sortFlows(flows)),
    ),
  );
});

test('timeouts and flags are no part of what a strict delete names, nor of the identity', () => {
  const timed = parseFlow('cookie=0x5, table=4, idle_timeout=50, priority=9,tcp actions=drop');
  assert.equal(strict(timed), 'cookie=0x5/-1,table=4,priority=9,tcp');
  assert.equal(identity(timed), identity({ ...timed, match: 'tcp' }));
});
