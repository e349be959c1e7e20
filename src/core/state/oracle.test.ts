// Matches and actions against ovs-ofctl(8): what is accepted the switch's own program accepts, and prints as we do.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { actionFaults, showAction } from './action.ts';
import { canonicalMatch } from './canonical.ts';
import type { ActionDraft } from './draft.ts';
import { fieldNames, protocols } from './field.ts';
import { type Fields, layers, matchFaults, showMatch } from './match.ts';

const pick = <T>(...values: readonly T[]): fc.Arbitrary<T> => fc.constantFrom(...values);

function valueOf(field: string): fc.Arbitrary<string | number> {
  if (protocols.includes(field)) return pick('');
  const hex = (bits: number) =>
    fc.bigInt({ min: 0n, max: 2n ** BigInt(bits) - 1n }).map((value) => `0x${value.toString(16)}`);
  const masked = (bits: number) =>
    fc.oneof(
      hex(bits),
      fc.tuple(hex(bits), hex(bits)).map((pair) => pair.join('/')),
      pick('0', '5', '0/0', '7/7', '0x10/0x30'),
    );
  if (field === 'in_port') return pick('7');
  if (/^(reg|pkt_mark|ct_mark)/.test(field)) return masked(32);
  if (field === 'metadata') return masked(64);
  if (/^(tp|tcp|udp)_(src|dst)$/.test(field)) return masked(16);
  if (/_[st]ha$|^(dl|eth)_(src|dst)$/.test(field))
    return pick(
      '02:0A:00:01:00:64',
      'ff:ff:ff:ff:ff:ff',
      '02:00:00:00:00:01/ff:00:00:00:00:00',
      '01:00:00:00:00:00/01:00:00:00:00:00',
    );
  if (/^(nw|ip|ipv4)_(src|dst)$|^arp_[st]pa$/.test(field))
    return pick('10.0.0.5', '10.0.0.5/24', '10.1.2.3/255.255.0.0', '0.0.0.0/0', '10.0.0.7/31');
  if (field.startsWith('ipv6_')) return pick('fe80::1', '2001:db8::/32', '::1', '::/0', '2001:db8:0:0:1::5');
  if (field.endsWith('_type') && !field.startsWith('icmp'))
    return pick<string | number>('0x0800', 2054, '0x86dd', '0x88cc', 0x8847);
  if (field === 'ct_state')
    return pick('+trk', '+trk+est', '-new+trk', '+rpl+trk-inv+est', '+dnat+snat+rel+trk', '+trk+inv');
  if (field === 'tcp_flags')
    return fc.oneof(pick('+syn-ack', '-fin', '+ns+cwr', 'x', '+syn+syn'), masked(9), pick('2', '0', '0x12/0x1ff'));
  if (field === 'vlan_tci')
    return pick<string | number>(0, '0x1000/0x1000', '0/0x1000', '0x1005/0x1fff', '0/0x1fff', '0x1005', '5');
  if (field.endsWith('frag')) return pick('no', 'yes', 'first', 'later', 'not_later', 'maybe');
  return fc.oneof(
    fc.integer({ min: 0, max: 300 }),
    pick<string | number>(0, 1, 3, 6, 17, 58, '0x11', 252, 4095, 65535),
  );
}

const name = /^(?!ipv4_|eth_|icmpv4_|arp_op)/;
const match: fc.Arbitrary<Fields> = fc
  .tuple(
    fc.subarray(
      fieldNames.filter((field) => name.test(field) && !protocols.includes(field)),
      { maxLength: 4 },
    ),
    fc.option(pick(...protocols), { nil: null }),
  )
  .chain(([some, kind]) => {
    const all = kind === null ? some : [kind, ...some];
    return fc.record(Object.fromEntries(all.map((field) => [field, valueOf(field)]))) as fc.Arbitrary<Fields>;
  });

const action: fc.Arbitrary<ActionDraft> = fc.oneof(
  pick<ActionDraft>(
    { type: 'output', port: '5' },
    { type: 'normal' },
    { type: 'drop' },
    { type: 'output', port: 'LOCAL' },
  ),
  fc.record({
    type: pick('set_field' as const),
    field: pick('eth_src', 'dl_dst', 'nw_src', 'ip_dst'),
    value: pick('10.0.0.1', '02:0A:00:00:00:01'),
  }),
  fc.record({
    type: pick('set_field' as const),
    field: pick(
      'nw_tos',
      'ip_dscp',
      'nw_ecn',
      'ip_ecn',
      'nw_ttl',
      'tp_src',
      'tp_dst',
      'tcp_dst',
      'udp_src',
      'reg0',
      'reg15',
      'metadata',
      'pkt_mark',
    ),
    value: pick<string | number>(0, 2, 8, '0x1', 63, 64, 255, 65535),
  }),
  fc.record({
    type: pick('load_register' as const),
    register: fc.integer({ min: 0, max: 15 }),
    value: pick(0, 1, 255, 0xffffffff),
  }),
  fc.record({ type: pick('resubmit' as const), table: fc.integer({ min: 11, max: 19 }) }),
  fc.record({ type: pick('controller' as const), max_length: pick(0, 128, 65535) }),
  fc.record({ type: pick('meter' as const), meter: pick('slow') }),
  fc.record({
    type: pick('ct' as const),
    zone: pick(1, 5, 65535),
    table: pick(undefined, 12),
    commit: fc.boolean(),
    nat: pick(
      undefined,
      {},
      { src: '10.0.0.5' },
      { dst: '10.0.0.5:80' },
      { src: '10.0.0.5:80-90' },
      { dst: '10.0.0.5:80-80' },
    ),
  }) as fc.Arbitrary<ActionDraft>,
);

const flow = fc.tuple(match, fc.array(action, { minLength: 1, maxLength: 4 }));

test('a flow that is accepted is one to ovs-ofctl too, and is spelled as it prints it', () => {
  const good = (match: Fields, actions: readonly ActionDraft[]): boolean =>
    matchFaults(match, ['7']).length === 0 &&
    actionFaults(actions, { table: 10, match, layers: layers(match), meters: ['slow'] }).length === 0;
  const kept = fc.sample(flow, 6000).filter(([fields, actions]) => good(fields, actions));
  assert.ok(kept.length > 500, `${kept.length}`);
  const self = (port: string) => port;
  const text = kept.map(([fields, actions]) => {
    const written = actions.map((one) => showAction(one, fields, self).replace('meter:slow', 'meter:1')).join(',');
    return { match: showMatch(fields, self), written };
  });
  const lines = text.map(
    ({ match: given, written }) => `table=10,${given === '' ? '' : `${given},`}actions=${written}`,
  );
  const [program, ...argv] = ['ovs-ofctl', '-O', 'OpenFlow14', 'parse-flows', '-'] as const;
  const { stdout, stderr } = spawnSync(program, argv, { input: `${lines.join('\n')}\n`, encoding: 'utf8' });
  const bad = Number(/^ovs-ofctl: -:(\d+):/m.exec(stderr)?.[1] ?? 0);
  assert.equal(bad === 0 ? '' : `${lines[bad - 1]}: ${stderr}`, '');
  const printed = stdout.split('\n').filter((line) => line.startsWith('OFPT_FLOW_MOD'));
  const heads = printed.map((line) => line.replace(/^.* ADD table:10 /, ''));
  const expected = text.map(({ match: given, written }) => {
    const words = canonicalMatch(given).join(',');
    return `${words}${words === '' ? '' : ' '}actions=${written.replaceAll('output:LOCAL', 'LOCAL')}`;
  });
  for (const [index, line] of expected.entries()) assert.equal(heads[index], line, `${lines[index]}\n${stderr}`);
});
