// Policies and flows of a file with everything that they can have, from its text to the switch and back.

import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import * as fc from 'fast-check';
import { difference } from '../../core/plan.ts';
import { parse } from '../../core/state/parse.ts';
import type { State } from '../../core/state/schema.ts';
import { topology } from '../../core/topology/build.ts';
import { client, member, userFlow } from '../../core/topology/fixture.ts';
import type { Discovered, Facts, Topology } from '../../core/topology.ts';
import { type DummySwitch, startDummySwitch } from '../../drivers/ovsdb/testing.ts';
import type { Change } from '../../core/resource.ts';
import { flow } from './index.ts';
import { expand } from './expand.ts';
import type { Spec } from './schema.ts';
import { build, hostOf, trace } from './testing.ts';

const folder = new URL('../../../test/golden/policies/', import.meta.url);
const text = readFileSync(new URL('state.json', folder), 'utf8');
const found: readonly Discovered[] = [
  { bridge: 'ovsbr0', port: 'veth150i0', device: 'veth150i0', ofport: 5, mac: 'bc:24:11:00:00:01' },
  { bridge: 'br1', port: 'internal_205', device: 'internal_205', ofport: 6, mac: null },
];

function stateOf(given: string): State {
  const parsed = parse(given);
  assert.ok('state' in parsed, JSON.stringify(parsed));
  return parsed.state;
}

function linesOf(whole: Topology): readonly string[] {
  return expand(whole, {} as Facts).flatMap(({ name, spec }) => spec.flows.map((line) => `${name}: ${line}`));
}

test('the flows of the golden case are those of its file and two ports that are discovered', () => {
  const whole = topology(stateOf(text), {}, found);
  const shown = expand(whole, {} as Facts)
    .map((one) => `# ${one.name}\n${one.spec.flows.join('\n')}\n`)
    .join('\n');
  const file = new URL('flows.txt', folder);
  if (process.env['UPDATE_GOLDEN'] === '1') writeFileSync(file, shown);
  assert.ok(existsSync(file), 'write it with UPDATE_GOLDEN=1');
  assert.equal(shown, readFileSync(file, 'utf8'));
});

let ovs: DummySwitch;
before(async () => {
  ovs = await startDummySwitch();
});
after(() => ovs.stop());

/** The golden case without its meters, on the switch. */
async function loaded(): Promise<Topology> {
  const bare = JSON.parse(text, (_, value: unknown) =>
    Array.isArray(value) ? value.filter((one: { type?: string }) => one.type !== 'meter') : value,
  ) as object;
  const whole = topology(stateOf(JSON.stringify(bare)), {}, found);
  const everybody = { ...whole, members: [...whole.members, ...whole.discovered] };
  for (const { name } of whole.bridges) await build(ovs, everybody, name, () => true);
  const host = hostOf(ovs, everybody, () => true);
  const plan = difference(await flow.observe(host), expand(whole, {} as Facts)) as readonly Change<Spec>[];
  await flow.apply(host, plan, () => {});
  const seen = (await flow.observe(host)).toSorted((one, two) => (one.name > two.name ? -1 : 1));
  assert.deepEqual(seen, expand(whole, {} as Facts));
  return whole;
}

test('whatever a file says of flows, but for meters, reads back from the switch, and steers as it says', async () => {
  const whole = await loaded();
  const way = async (id: number, what: string, more: { readonly mac?: string; readonly ip?: string } = {}) => {
    const one = [...whole.members, ...whole.discovered].find((each) => each.id === id);
    assert.ok(one);
    const { mac = one.mac, ip = one.address.ip } = more;
    const packet = `in_port=${one.port.device},dl_src=${mac},dl_dst=02:0a:00:00:00:aa,${what},nw_src=${ip},nw_dst=8.8.8.8,nw_ttl=64`;
    return (await trace(ovs, 'ovsbr0', packet, 'trk,new')).map(({ port }) => port).join();
  };
  const udp = 'udp,udp_src=4000,udp_dst=4000';
  const dns = 'udp,udp_src=4000,udp_dst=53';
  const https = 'tcp,tcp_src=4000,tcp_dst=443,tcp_flags=ack';
  assert.deepEqual(
    {
      'to the exit by the range': await way(100, udp),
      'a discovered one too': await way(150, udp),
      'but not from another MAC': await way(150, udp, { mac: '02:0a:00:01:00:64' }),
      'nor from another address': await way(150, udp, { ip: '10.0.0.100' }),
      'shut by name, at a higher priority': await way(101, udp),
      'the exit is not led to itself': await way(110, udp),
      'no DNS from a port of that name': await way(100, dns),
      'DNS from another': await way(150, dns),
      'marked, and let through in table 12': await way(100, https),
      'marked, and nobody for it in table 12': await way(150, https),
    },
    {
      'to the exit by the range': 'internal_110',
      'a discovered one too': 'internal_110',
      'but not from another MAC': '',
      'nor from another address': '',
      'shut by name, at a higher priority': '',
      'the exit is not led to itself': 'LOCAL',
      'no DNS from a port of that name': '',
      'DNS from another': 'internal_110',
      'marked, and let through in table 12': 'internal_110',
      'marked, and nobody for it in table 12': '',
    },
  );
});

test('the order of policies in the file does not matter', () => {
  const file = JSON.parse(text) as { plugins: { openflow: { flow_policies: readonly unknown[] } } };
  const { openflow } = file.plugins;
  const expected = linesOf(topology(stateOf(text), {}, found));
  const order = fc.shuffledSubarray([...openflow.flow_policies], { minLength: openflow.flow_policies.length });
  fc.assert(
    fc.property(order, (policies) => {
      const plugins = { ...file.plugins, openflow: { ...openflow, flow_policies: policies } };
      assert.deepEqual(linesOf(topology(stateOf(JSON.stringify({ version: 1, plugins })), {}, found)), expected);
    }),
    { numRuns: 20 },
  );
});

test('a policy that another overrides keeps to the egress pin, and its replies have a pair', () => {
  const [gateway, warp, proxy] = client.members;
  assert.ok(gateway && warp && proxy);
  const way = { name: 'all', table: 11, priority: 500, next: 'host', cookie: null, place: '' } as const;
  const lines = linesOf({ ...client, members: [gateway, { ...warp, overridden: [way] }, proxy] });
  const own = lines.filter((line) => line.includes('table=11') && line.includes('internal_101'));
  assert.deepEqual(own, [
    'ovsbr0: cookie=0xbeef0065, table=11, priority=500,udp,in_port=internal_101,nw_dst=162.159.192.1,tp_dst=2408 actions=ct(commit,zone=44100,exec(set_field:0x65fffe->ct_mark)),set_field:02:0a:00:00:00:01->eth_dst,LOCAL',
  ]);
  assert.ok(lines.some((line) => line.includes('table=6') && line.includes('ct_mark=0x65fffe,ip,in_port=LOCAL')));
});

test('a policy without a chain that another overrides is a flow too', () => {
  const way = { name: 'all', table: 10, priority: 500, next: null, cookie: '0xbeef0500', place: '' } as const;
  const policy = { name: 'own', table: 10, priority: 1000, cookie: null, place: '' };
  const plain = { ...client.bridges[0], chain: false } as Topology['bridges'][number];
  const one = member(104, 'app', { next: 'host', policy, overridden: [way] });
  const lines = linesOf({ ...client, bridges: [plain], members: [one], published: [] }).filter((line) =>
    /beef/.test(line),
  );
  assert.deepEqual(lines, [
    'ovsbr0: cookie=0xbeef0068, table=10, priority=1000,ip,in_port=internal_104 actions=NORMAL',
    'ovsbr0: cookie=0xbeef0500, table=10, priority=501,ip,in_port=internal_104,nw_dst=10.0.0.0/24 actions=NORMAL',
    'ovsbr0: cookie=0xbeef0500, table=10, priority=500,ip,in_port=internal_104 actions=drop',
  ]);
});

test('a chain takes no flow that changes whose a packet is, tracks it otherwise, or leads back', () => {
  const match = 'tcp,in_port=internal_100';
  const bad = [
    [{ actions: 'set_field:02:00:00:00:00:01->eth_dst,NORMAL' }, /does not send to one/],
    [{ actions: 'set_field:1.2.3.4->ip_dst,NORMAL' }, /does not send to one/],
    [{ actions: 'ct(commit,zone=5),NORMAL' }, /does not send to one/],
    [{ actions: 'CONTROLLER:65535' }, /does not send to one/],
    [{ actions: 'meter:slow,drop' }, /does not send to one/],
    [{ actions: 'set_field:1->reg1,resubmit(,10)' }, /leads back/],
    [{ actions: 'resubmit(,20)' }, /table 20/],
    [{ actions: 'resubmit(,12)', match: 'arp,in_port=internal_100' }, /matches arp/],
    [{ actions: 'resubmit(,12)', match: 'dl_type=0x88cc' }, /matches dl_type/],
  ] as const;
  for (const [flow, message] of bad) {
    const own = userFlow({ match, priority: 2000, place: 'flow_policies[1] "x"', ...flow });
    const slow = { bridge: 'ovsbr0', name: 'slow', rate: 10, unit: 'pps', burst: null } as const;
    assert.throws(() => linesOf({ ...client, flows: [own], meters: [slow] }), { code: 'state', message });
  }
  assert.throws(
    () => linesOf({ ...client, flows: [userFlow({ match, actions: 'NORMAL', place: 'bridges[0].flows[7]' })] }),
    {
      at: 'bridges[0].flows[7]',
    },
  );
});

test('a table that a flow only leads to is there, and what it misses is dropped', () => {
  const flow = userFlow({
    priority: 2000,
    match: 'ip,in_port=internal_100',
    actions: 'load:0x1->NXM_NX_REG1[],resubmit(,15)',
  });
  const lines = linesOf({ ...client, flows: [flow] });
  assert.ok(lines.includes('ovsbr0: cookie=0xdead0ffe, table=15, priority=0 actions=drop'));
  assert.ok(lines.includes('ovsbr0: cookie=0xdead0ffd, table=10, priority=0 actions=goto_table:15'));
});
