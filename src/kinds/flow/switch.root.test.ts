// Flows on a real switch with dummy ports: what is loaded reads back word for word, whatever is absent.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import fc from 'fast-check';
import { difference } from '../../core/plan.ts';
import { type Change, type Resource, undo } from '../../core/resource.ts';
import type { Facts, Member, Topology } from '../../core/topology.ts';
import { run } from '../../drivers/exec.ts';
import type { Host } from '../../drivers/host.ts';
import { type DummySwitch, startDummySwitch } from '../../drivers/ovsdb/testing.ts';
import { client, none, userFlow } from '../../core/topology/fixture.ts';
import { mixed, topologies } from './fixture.ts';
import { flow } from './index.ts';
import type { Spec } from './schema.ts';
import { addPort, appctl, build, hostOf } from './testing.ts';

let ovs: DummySwitch;
before(async () => {
  ovs = await startDummySwitch();
});
after(() => ovs.stop());

const all = (): boolean => true;

async function go(host: Host, wanted: readonly Resource<Spec>[]): Promise<readonly Change<Spec>[]> {
  const changes = difference(await flow.observe(host), wanted) as readonly Change<Spec>[];
  await flow.preflight?.(host, changes, () => {});
  await flow.apply(host, changes, () => {});
  return changes;
}

async function fresh(topology: Topology, present: (port: string) => boolean = all): Promise<Host> {
  for (const { name } of topology.bridges) await build(ovs, topology, name, present);
  return hostOf(ovs, topology, present);
}

const sorted = (resources: readonly Resource<Spec>[]): readonly Resource<Spec>[] =>
  resources.toSorted((a, b) => (a.name < b.name ? -1 : 1));

for (const [name, topology] of Object.entries(topologies))
  test(`the flows of ${name} read back from the switch line for line`, async () => {
    const host = await fresh(topology);
    const wanted = flow.expand(topology, {} as Facts);
    await go(host, wanted);
    assert.deepEqual(sorted(await flow.observe(host)), sorted(wanted));
    assert.deepEqual(await go(host, wanted), []);
  });

test('matches of the file, however spelled, read back as they are wanted', async () => {
  const host = await fresh(none);
  const any = <T>(...values: readonly T[]): fc.Arbitrary<T> => fc.constantFrom(...values);
  const network = any('10.9.8.7', '10.9.8.7/12', '10.9.8.7/255.255.255.128', '0.0.0.0/0', '1.2.3.4/32');
  const network6 = any('2001:DB8::1', '2001:db8:0:1:0:0:0:9/64', '::/0', 'fe80:0:0:1::/127', '1:0:2:0:3:0:4:0', '::');
  const port = any('80', '0x50', '0', '65535');
  const mac = any('02:0A:00:01:00:64', '03:0a:00:01:00:64/01:00:00:00:00:00', '02:0a:00:01:00:64/ff:ff:ff:ff:ff:ff');
  const flags = any('+syn-ack', '-ack+syn', '+ns+cwr-fin', '-fin-syn-rst-psh-ack-urg-ece-cwr-ns');
  const byte = any('0', '7', '0xff');
  const base = { in_port: any('LOCAL'), dl_src: mac, eth_dst: mac };
  const ip = {
    ...base,
    nw_src: network,
    ip_dst: network,
    nw_ttl: byte,
    nw_ecn: any('1', '3'),
    ip_dscp: any('0', '63', '0x0a'),
  };
  const ip6 = { ...base, ipv6_src: network6, ipv6_dst: network6, nw_tos: any('0', '252') };
  const l4 = { tp_src: port, tp_dst: port };
  const kinds: readonly (readonly [string, Readonly<Record<string, fc.Arbitrary<string>>>])[] = [
    ['', base],
    ['ip', { ...ip, nw_proto: any('1', '6', '17', '47', '132') }],
    ['dl_type=0x0800', ip],
    ['eth_type=2048,ip_proto=17', { ...ip, ...l4 }],
    ['tcp', { ...ip, tcp_src: port, tcp_dst: port, tcp_flags: flags }],
    ['udp', { ...ip, udp_src: port, udp_dst: port }],
    ['icmp', { ...ip, icmp_type: byte, icmp_code: byte }],
    ['arp', { ...base, arp_op: any('1', '2'), arp_spa: network, arp_tpa: network, arp_sha: mac, arp_tha: mac }],
    ['ipv6', { ...ip6, nw_proto: any('6', '17', '58', '50') }],
    ['tcp6', { ...ip6, ...l4, tcp_flags: flags }],
    ['icmp6', { ...ip6, icmp_type: byte }],
    ['dl_type=0x88cc', base],
    ['dl_type=34887', base],
  ];
  const match = fc.constantFrom(...kinds).chain(([kind, fields]) =>
    fc
      .record(fields, { requiredKeys: [], noNullPrototype: true })
      .map((values) => Object.entries(values).map(([key, value]) => `${key}=${value}`))
      .chain((words) => fc.shuffledSubarray([...words, kind], { minLength: words.length + 1 }))
      .map((words) => words.filter((word) => word !== '').join(',')),
  );
  const matches = fc.sample(match, 300);
  const flows = matches.map((text, index) =>
    userFlow({
      bridge: 'ovsbr0',
      table: 10,
      priority: index + 1,
      match: text,
      actions: 'drop',
    }),
  );
  const wanted = flow.expand({ ...none, flows }, {} as Facts);
  await go(host, wanted);
  assert.deepEqual((await flow.observe(host))[0]?.spec.flows, wanted[0]?.spec.flows);
});

test('flows name ports that are absent as yet, and are the same when they come', async () => {
  const absent = (port: string): boolean => !['internal_101', 'veth104', 'veth105'].includes(port);
  const host = await fresh(mixed, absent);
  const wanted = flow.expand(mixed, {} as Facts);
  await go(host, wanted);
  assert.deepEqual(sorted(await flow.observe(host)), sorted(wanted));
  for (const [bridge, port] of [
    ['ovsbr0', 'internal_101'],
    ['ovsbr0', 'veth105'],
    ['mesh', 'veth104'],
  ] as const)
    await run(ovs.run, ['ovs-vsctl', ...addPort(mixed, bridge, port)]);
  assert.deepEqual(sorted(await flow.observe(hostOf(ovs, mixed, all))), sorted(wanted));
});

test('from one set of flows to another and back, in one bundle', async () => {
  const host = await fresh(client);
  const a = flow.expand(client, {} as Facts);
  const b = flow.expand({ ...client, level: 1, members: client.members.slice(0, 2), published: [] }, {} as Facts);
  await go(host, a);
  const changes = await go(host, b);
  assert.deepEqual(await flow.observe(host), b);
  await flow.apply(host, changes.map(undo), () => {});
  assert.deepEqual(await flow.observe(host), a);
  await go(host, []);
  assert.deepEqual(await flow.observe(host), []);
});

test('commands as rendered, typed one by one, do the same', async () => {
  const host = await fresh(client);
  const a = flow.expand(client, {} as Facts);
  const b = flow.expand({ ...client, level: 1, published: [] }, {} as Facts);
  await go(host, a);
  for (const [from, to] of [
    [a, b],
    [b, a],
  ] as const) {
    const changes = difference(from, to) as readonly Change<Spec>[];
    for (const line of changes.flatMap((change) => flow.render(change))) {
      const words = [...line.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, bare]) => quoted ?? bare ?? '');
      await run(ovs.run, words as unknown as readonly [string, ...string[]]);
    }
    assert.deepEqual(await flow.observe(host), to);
  }
});

test('a flow that somebody changed, timed or removed under our cookie is seen, and set right', async () => {
  const host = await fresh(none);
  const wanted = flow.expand(none, {} as Facts);
  await go(host, wanted);
  const meddle = (...words: readonly string[]): Promise<string> =>
    run(ovs.run, ['ovs-ofctl', '-O', 'OpenFlow14', ...words] as unknown as ['ovs-ofctl']);
  await meddle('add-flow', 'ovsbr0', 'cookie=0xdead0ffd,priority=0,actions=NORMAL');
  await meddle('add-flow', 'ovsbr0', 'cookie=0xdead0ffc,table=10,priority=0,hard_timeout=600,actions=NORMAL');
  await meddle('--strict', 'del-flows', 'ovsbr0', 'priority=31700,tcp,tp_src=0');
  await meddle('add-flow', 'ovsbr0', 'cookie=0xbeef0001,table=50,priority=0,actions=NORMAL');
  assert.equal((await go(host, wanted)).length, 1);
  assert.deepEqual(await flow.observe(host), wanted);
});

test('a flow of somebody else is drift, whatever it matches, and goes; so does the switch’s first one', async () => {
  const host = await fresh(client);
  const wanted = flow.expand(client, {} as Facts);
  await run(ovs.run, ['ovs-ofctl', '-O', 'OpenFlow14', 'add-flow', 'ovsbr0', 'priority=0,actions=NORMAL']);
  await go(host, wanted);
  assert.deepEqual(await flow.observe(host), wanted);
  for (const foreign of [
    'cookie=0x9,priority=65535,actions=NORMAL',
    'cookie=0xdead0fff00000000,table=10,priority=6,actions=drop',
    'cookie=0xffffffffffffffff,table=10,dl_type=0x894f,nsh_ttl=5,actions=output:LOCAL',
    'table=200,priority=1,ip,actions=multipath(eth_src,50,modulo_n,1,0,NXM_NX_REG0[])',
    'table=9,idle_timeout=60,priority=7,udp,tp_dst=53,actions=output:LOCAL',
  ]) {
    await run(ovs.run, ['ovs-ofctl', '-O', 'OpenFlow14', 'add-flow', 'ovsbr0', foreign]);
    const [change, ...more] = difference(await flow.observe(host), wanted) as readonly Change<Spec>[];
    assert.ok(change !== undefined && more.length === 0, foreign);
    assert.equal(flow.render(change).length, 1);
    assert.match(flow.render(change)[0] ?? '', /--strict del-flows ovsbr0 "cookie=/);
    await go(host, wanted);
    assert.deepEqual(await flow.observe(host), wanted, foreign);
  }
});

test('a bridge that is gone is quiet for deletes, and an error for anything else', async () => {
  const host = await fresh(none);
  await run(ovs.run, ['ovs-vsctl', 'del-br', 'ovsbr0']);
  const gone = { ...host, ovsdb: { ...host.ovsdb, bridges: async () => [] } };
  const spec = { meters: [], flows: ['cookie=0xdead0fff, priority=0 actions=drop'] };
  const change = { kind: 'flow', name: 'ovsbr0', before: spec, after: null };
  await flow.preflight?.(gone, [change], () => {});
  await flow.apply(gone, [change], () => {});
  await assert.rejects(
    flow.apply(gone, [undo(change)], () => {}),
    { code: 'host', message: /ovsbr0/ },
  );
});

test('the zone is flushed when a pair went, and only then', async () => {
  const host = await fresh(client);
  const flushed: number[] = [];
  const watched = {
    ...host,
    openflow: { ...host.openflow, flushZone: async (zone: number) => void flushed.push(zone) },
  };
  const a = flow.expand(client, {} as Facts);
  await go(watched, a);
  await go(watched, flow.expand({ ...client, securityFlows: false }, {} as Facts));
  assert.deepEqual(flushed, []);
  await go(watched, flow.expand({ ...client, members: client.members.slice(0, 2) }, {} as Facts));
  assert.deepEqual(flushed, [44100]);
});

test('a port that goes, or comes back under another number, after the plan was made, takes its flows and marks', async () => {
  const id = (one: Member): Member => ({ ...one, id: 112, port: { ...one.port, ofport: 32880 } });
  const [gateway, warp, proxy] = client.members as readonly [Member, Member, Member];
  for (const members of [
    [gateway, warp],
    [gateway, { ...warp, next: 112 }, id(proxy)],
  ]) {
    const old = await fresh(client);
    const wanted = flow.expand(client, {} as Facts);
    await go(old, wanted);
    const topology = { ...client, members };
    const fewer = flow.expand(topology, {} as Facts);
    const plan = difference(await flow.observe(old), fewer) as readonly Change<Spec>[];
    await run(ovs.run, ['ovs-vsctl', 'del-port', 'ovsbr0', 'internal_102']);
    if (members.length === 3) await run(ovs.run, ['ovs-vsctl', ...addPort(topology, 'ovsbr0', 'internal_102')]);
    const flushed: number[] = [];
    const host = hostOf(ovs, topology, all);
    const flushZone = async (zone: number): Promise<void> => void flushed.push(zone);
    await flow.apply({ ...host, openflow: { ...host.openflow, flushZone } }, plan, () => {});
    assert.deepEqual(await flow.observe(host), fewer);
    assert.deepEqual(flushed, [44100]);
    assert.doesNotMatch(await appctl(ovs, 'bridge/dump-flows', 'ovsbr0'), /32870|internal_102.*32870|0x650066/);
  }
});
