// From any whole state to any other, by the engine: the host is then exactly as the file says, and `down` leaves nothing.

import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import * as fc from 'fast-check';
import { canonical, difference } from '../src/core/plan.ts';
import type { Resource } from '../src/core/resource.ts';
import { fieldNames } from '../src/core/state/field.ts';
import type { Host } from '../src/drivers/host.ts';
import { fakeNet } from '../src/drivers/net/fake.ts';
import { controlSocket } from '../src/drivers/control/client.ts';
import { openFlow } from '../src/drivers/openflow/client.ts';
import { connectOvsdb } from '../src/drivers/ovsdb/client.ts';
import { type DummySwitch, startDummySwitch } from '../src/drivers/ovsdb/testing.ts';
import { parse } from '../src/core/state/parse.ts';
import { observe } from '../src/engine/observe.ts';
import { run } from '../src/engine/run.ts';
import { want } from '../src/engine/want.ts';
import type { Spec as FlowSpec } from '../src/kinds/flow/schema.ts';
import { withDevices } from './fake-host.ts';
import { client, type Given, machine, type Name, stateOf, texts } from './machine.ts';

/** Every state is another text: a replacement that found nothing would test nothing. */
test('the states differ from each other', () => {
  const states = Object.keys(texts).map((name) => canonical(stateOf(name as Name)));
  assert.equal(new Set(states).size, states.length);
});

/** The kinds that a test is about; all unless told. */
type Only = (resource: Resource) => boolean;

const sorted = (resources: readonly Resource[]): readonly Resource[] =>
  resources.toSorted((a, b) => (`${a.kind} ${a.name}` < `${b.kind} ${b.name}` ? -1 : 1));

async function go(host: Host, name: Given | 'down', only: Only): Promise<void> {
  const wanted = name === 'down' ? [] : (await want(host, stateOf(name), '/golden/files')).resources.filter(only);
  await run(host, difference((await observe(host)).filter(only), wanted), () => {});
  const found = (await observe(host)).filter(only);
  assert.deepEqual(sorted(found), sorted(wanted));
  assert.deepEqual(difference(found, wanted), []);
}

/** A walk along every ordered pair of `states`, each once: from the first to the second and at last to the first again. */
function walk<T>(states: readonly T[]): readonly T[] {
  const left = new Map(states.map((from) => [from, states.filter((to) => to !== from)]));
  const stack = states.slice(0, 1);
  const way: T[] = [];
  for (let at = stack.at(-1); at !== undefined; at = stack.at(-1)) {
    const next = left.get(at)?.pop();
    if (next === undefined) way.push(...stack.splice(-1));
    else stack.push(next);
  }
  return way.toReversed();
}

async function along(host: Host, way: readonly Given[], only: Only): Promise<void> {
  for (const [index, name] of way.entries())
    try {
      await go(host, name, only);
    } catch (error) {
      const from = way[index - 1] ?? 'nothing';
      throw new Error(
        `from ${JSON.stringify(from)} to ${JSON.stringify(name)}: ${error instanceof Error ? error.message : ''}`,
        { cause: error },
      );
    }
  await go(host, 'down', only);
}

test('from each state to each other, on the fake host', async () => {
  const states = Object.keys(texts) as Name[];
  const way = walk(states);
  assert.equal(way.length, states.length * (states.length - 1) + 1);
  await along(await machine(), way, () => true);
});

test('down from each state leaves nothing, on the fake host', async () => {
  const host = await machine();
  for (const name of Object.keys(texts) as Name[]) {
    await go(host, name, () => true);
    await go(host, 'down', () => true);
  }
});

/** The client, and two containers without a chain: each with flows of its own. */
const withFlows = {
  chain: (flows: readonly object[]): string => client.replace('"flows": []', `"flows": ${JSON.stringify(flows)}`),
  plain: (flows: readonly object[]): string => {
    const containers = [104, 105].map((id) => ({
      id,
      name: `c${id}`,
      network: { veth: true, ipv4: `10.0.0.${id}/24` },
    }));
    const policy = { name: 'shut', selector: 'container:104', template: { actions: [{ type: 'drop' }] } };
    const openflow = { flow_policies: [policy], bridges: [{ name: 'ovsbr0', flows }] };
    return JSON.stringify({ version: 1, plugins: { lxc: { containers }, openflow } });
  },
} as const;

const flow = (ports: readonly string[]): fc.Arbitrary<object> => {
  const any = <T extends string | number | object>(...values: readonly T[]): fc.Arbitrary<T> =>
    fc.constantFrom(...values);
  const value = (field: string): fc.Arbitrary<string | number> => {
    if (/^(ip|ipv6|arp|[a-z]+6|tcp|udp|sctp|icmp)$/.test(field)) return any('');
    if (field === 'in_port') return any(...ports);
    if (field.endsWith('type') && !field.startsWith('icmp'))
      return any<string | number>('0x0800', 2048, '0x806', '0x86dd', '0x88cc', 1);
    if (field.endsWith('proto')) return any<string | number>(6, '0x11', 1, 58, 47);
    if (/^(nw|ip|ipv4|arp)_/.test(field)) return any('10.0.0.0/24', '10.0.0.9/24', '10.0.0.104', '0.0.0.0/0');
    if (field === 'ct_state') return any('+trk', '-new+trk');
    if (field === 'tcp_flags') return any('+syn-ack', '0x2/0x3f', '16');
    if (field.endsWith('frag')) return any('no', 'later');
    if (field === 'vlan_tci') return any('0', '0x1000/0x1000');
    if (field.startsWith('ipv6_')) return any('2001:db8::/32', '::1');
    return /^(dl|eth)_|_[st]ha$/.test(field)
      ? any('02:0A:00:01:00:64', '02:0a:00:01:00:64')
      : any<string | number>(0, '0x50', 80, 255);
  };
  const fields = fc.oneof(fc.subarray([...fieldNames], { maxLength: 3 }), fc.subarray(['ip', 'in_port', 'nw_dst']));
  const words = fields.chain((some) => fc.record(Object.fromEntries(some.map((field) => [field, value(field)]))));
  const way = fc.oneof(
    any({ type: 'drop' }, { type: 'normal' }, { type: 'resubmit', table: 15 }),
    any(...ports).map((port) => ({ type: 'output', port })),
  );
  const change = any(
    { type: 'set_field', field: 'nw_ttl', value: 64 },
    { type: 'set_field', field: 'ip_dscp', value: '0x2e' },
    { type: 'set_field', field: 'tp_dst', value: 8080 },
    { type: 'set_field', field: 'eth_dst', value: '02:0A:00:01:00:65' },
    { type: 'load_register', register: 3, value: 7 },
    { type: 'controller', max_length: 128 },
    { type: 'ct', zone: 5, commit: true, nat: { dst: '10.0.0.9:80-80' } },
  );
  const place = { table: any(9, 10, 12, 19, 20), priority: any(0, 1, 1000, 1001, 2000, 3000, 65534, 65535) };
  const timeouts = any({}, {}, { idle_timeout: 60 }, { hard_timeout: 5, idle_timeout: 7 });
  const actions = fc.tuple(fc.array(change, { maxLength: 2 }), way).map(([some, last]) => [...some, last]);
  return fc
    .tuple(fc.record({ ...place, match_fields: words, actions }), timeouts)
    .map(([body, lasts]) => ({ ...body, ...lasts }));
};
const samples = (ports: readonly string[], count: number): readonly object[] => fc.sample(flow(ports), count);
const ports = { chain: ['internal_100', 'wg-warp', 'internal_102', 'ovsbr0'], plain: ['veth104', 'veth105', 'ovsbr0'] };

/** Those of the flows against which the parser has nothing. */
function accepted(sort: 'chain' | 'plain', flows: readonly object[]): readonly object[] {
  const parsed = parse(withFlows[sort](flows));
  if ('state' in parsed) return flows;
  const bad = new Set(
    parsed.problems.map(({ path }) => Number(/^openflow\.bridges\[0\]\.flows\[(\d+)\]/.exec(path)?.[1])),
  );
  return accepted(
    sort,
    flows.filter((_, index) => !bad.has(index)),
  );
}

for (const sort of ['chain', 'plain'] as const)
  test(`whatever flows a file may have, ${sort}: every kind takes them`, async () => {
    const host = await machine();
    const kept = accepted(sort, samples(ports[sort], 400));
    assert.ok(kept.length >= 10, `${kept.length}`);
    const parsed = parse(withFlows[sort](kept));
    assert.ok('state' in parsed);
    const { resources } = await want(host, parsed.state, '/golden/files');
    const lines = resources.flatMap(({ kind, spec }) => (kind === 'flow' ? (spec as FlowSpec).flows : []));
    const own = lines.filter((line) => line.startsWith('cookie=0xbeef8'));
    assert.equal(own.length, kept.length);
  });

let ovs: DummySwitch | undefined;
after(() => ovs?.stop());

test('from the client to other states and back, and to one with any flows, on a real switch', async () => {
  ovs = await startDummySwitch();
  const net = fakeNet([], 'eth0');
  const ovsdb = withDevices(connectOvsdb(ovs.socket), net);
  const host = { ...(await machine(net)), ovsdb, openflow: openFlow(ovs.folder, controlSocket(ovs.folder)) };
  const kept = accepted('plain', samples(ports.plain, 400));
  const way: readonly Given[] = [
    'client with a plain container',
    'client',
    'client with another id',
    'client',
    'client with another id behind the same port name',
    'client',
    'vps',
    'none',
    { text: withFlows.plain(kept) },
  ];
  await along(host, way, ({ kind }) => ['bridge', 'port', 'flow'].includes(kind));
  await ovsdb.close();
});
