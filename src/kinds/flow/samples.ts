// Host states for the laws: none, a shut bridge, a pair, two bridges. The bridges must be there, marked as ours.

import type { Resource } from '../../core/resource.ts';
import type { Spec } from './schema.ts';

const drop = 'cookie=0xdead0fff, priority=0 actions=drop';
const normal = 'cookie=0xdead0ffc, table=10, priority=0 actions=NORMAL';
const pair =
  'cookie=0xbeef0064, table=10, priority=1000,ip,in_port=LOCAL actions=ct(commit,zone=44100,exec(set_field:0xfffe0064->ct_mark)),LOCAL';
const hidden = 'cookie=0xcafe0001, table=8, priority=900,ip actions=set_field:64->nw_ttl,goto_table:10';

const meter = 'meter=4100,pktps,burst,stats,bands=type=drop,rate=50,burst_size=100';
const limited =
  'cookie=0xdead0020, table=2, priority=2000,icmp,in_port=LOCAL,icmp_type=8 actions=meter:4100,goto_table:4';

const on = (name: string, flows: readonly string[], meters: readonly string[] = []): Resource<Spec> => ({
  kind: 'flow',
  name,
  spec: { meters, flows },
});

export const samples: readonly (readonly Resource<Spec>[])[] = [
  [],
  [on('ovsbr0', [drop])],
  [on('ovsbr0', [drop, hidden, pair])],
  [on('ovsbr0', [drop, limited], [meter])],
  [on('ovsbr0', [drop, limited], [meter.replace('rate=50', 'rate=60')])],
  [
    on('mesh', [drop, normal]),
    on('ovsbr0', [drop.replace('drop', 'goto_table:10'), pair.replace('LOCAL actions', '7 actions')]),
  ],
];
