// The text of the switch's tracer, as Open vSwitch 3.1.0 prints it.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readTrace } from './walk.ts';

const passed = `Flow: udp,in_port="internal_101",vlan_tci=0x0000,dl_src=02:0a:00:01:00:65,dl_dst=02:0a:00:00:00:01,nw_src=10.0.0.101

bridge("ovsbr0")
----------------
 0. ip,in_port="internal_101",dl_src=02:0a:00:01:00:65, priority 1000, cookie 0xdead0100
    goto_table:2
 2. priority 0, cookie 0xdead0ffd
    meter:4101
    goto_table:4
 4. ip, priority 1000, cookie 0xdead000a
    ct(table=6,zone=44100)
    drop
     -> A clone of the packet is forked to recirculate. The forked pipeline will be resumed at table 6.
     -> Sets the packet to an untracked state, and clears all the conntrack fields.

Final flow: unchanged
Megaflow: recirc_id=0,eth,udp,in_port="internal_101",dl_src=02:0a:00:01:00:65,nw_frag=no
Datapath actions: meter(0),ct(zone=44100),recirc(0x1)

===============================================================================
recirc(0x1) - resume conntrack with ct_state=new|trk
===============================================================================

Flow: recirc_id=0x1,ct_state=new|trk,ct_zone=44100,eth,udp,in_port="internal_101"

bridge("ovsbr0")
----------------
    thaw
        Resuming from table 6
 6. ip,in_port="internal_101",nw_src=10.0.0.101, priority 1000
    goto_table:10
10. udp,in_port="internal_101", priority 1000, cookie 0xbeef0065
    ct(commit,zone=44100,exec(set_field:0x650066->ct_mark))
    set_field:0x650066->ct_mark
     -> Sets the packet to an untracked state, and clears all the conntrack fields.
    set_field:02:0a:00:01:00:66->eth_dst
    output:"internal_102"

Final flow: recirc_id=0x1,eth,udp
Megaflow: recirc_id=0x1,ct_state=+new,eth,udp
Datapath actions: ct(commit,zone=44100,mark=0x650066/0xffffffff),set(eth(dst=02:0a:00:01:00:66)),"internal_102"
`;

test('a packet that passes: its flows in order, what they do, and where it comes out', () => {
  const { steps, missed, out } = readTrace(passed);
  assert.deepEqual(
    steps.map(({ table, priority, cookie, match }) => [table, priority, cookie, match]),
    [
      [0, 1000, '0xdead0100', 'ip,in_port=internal_101,dl_src=02:0a:00:01:00:65'],
      [2, 0, '0xdead0ffd', ''],
      [4, 1000, '0xdead000a', 'ip'],
      [6, 1000, '0x0', 'ip,in_port=internal_101,nw_src=10.0.0.101'],
      [10, 1000, '0xbeef0065', 'udp,in_port=internal_101'],
    ],
  );
  assert.deepEqual(
    steps.map(({ actions }) => actions),
    [
      ['goto_table:2'],
      ['meter:4101', 'goto_table:4'],
      ['ct(table=6,zone=44100)'],
      ['goto_table:10'],
      [
        'ct(commit,zone=44100,exec(set_field:0x650066->ct_mark))',
        'set_field:02:0a:00:01:00:66->eth_dst',
        'output:internal_102',
      ],
    ],
  );
  assert.deepEqual([missed, out], [null, ['internal_102']]);
});

test('a packet that no flow takes, or that is dropped, comes out nowhere', () => {
  const head = 'Flow: ip\n\nbridge("ovsbr0")\n----------------\n';
  const miss = `${head} 0. No match.\n    drop\n\nFinal flow: unchanged\nMegaflow: x\nDatapath actions: drop\n`;
  assert.deepEqual(readTrace(miss), { steps: [], missed: 0, out: [] });
  const dropped = `${head} 0. ip, priority 7, cookie 0x1\n    drop\n\nDatapath actions: drop\n`;
  assert.deepEqual(readTrace(dropped).out, []);
  assert.equal(readTrace(dropped).steps[0]?.actions[0], 'drop');
});

test('several ports and names with signs in them are told apart from actions', () => {
  const text = (actions: string): string => `Datapath actions: ${actions}\n`;
  assert.deepEqual(readTrace(text('"veth1.2",ovsbr0,set(ipv4(ttl=64)),set_masked(eth(dst=1)),internal_100')).out, [
    'veth1.2',
    'ovsbr0',
    'internal_100',
  ]);
  assert.deepEqual(readTrace(text('ct(commit,zone=1,nat(src=1.2.3.4:5)),push_vlan(vid=5,pcp=0),wg-warp')).out, [
    'wg-warp',
  ]);
});

test('what is no trace is an error', () => {
  assert.throws(() => readTrace('ovsbr0: unknown bridge'), { code: 'protocol', message: /ovsbr0: unknown bridge/ });
});
