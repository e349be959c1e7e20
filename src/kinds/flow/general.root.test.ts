// General containers (profile 4) beside the chain, with packets byte by byte on a real switch.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Facts, Topology } from '../../core/topology.ts';
import { run } from '../../drivers/exec.ts';
import { type DummySwitch, startDummySwitch } from '../../drivers/ovsdb/testing.ts';
import { WARP } from '../../core/topology/fixture.ts';
import { generalText, meaning } from './fixture.ts';
import { FLAG, type Frame, frame } from './frame.ts';
import { flow } from './index.ts';
import { appctl, build, hostOf } from './testing.ts';

const whole = meaning(generalText);

let ovs: DummySwitch;
before(async () => {
  ovs = await startDummySwitch();
  await load(whole);
});
after(() => ovs.stop());

async function load(given: Topology): Promise<void> {
  const host = hostOf(ovs, given, () => true);
  for (const { name, spec } of flow.expand(given, {} as Facts)) {
    await build(ovs, given, name, () => true);
    await flow.apply(host, [{ kind: 'flow', name, before: null, after: spec }], () => {});
  }
  await appctl(ovs, 'time/stop');
}

type Counts = ReadonlyMap<string, number>;

/** Packets that each port has sent out, the bridges' own by their names. */
async function sentBy(): Promise<Counts> {
  const found = new Map<string, number>();
  for (const { name: bridge } of whole.bridges) {
    const dump = await run(ovs.run, ['ovs-ofctl', '-O', 'OpenFlow14', '--names', 'dump-ports', bridge]);
    for (const [, port = '', count] of dump.matchAll(/port +"?([\w-]+)"?: rx [^\n]*\n +tx pkts=(\d+)/g))
      found.set(port === 'LOCAL' ? bridge : port, Number(count));
  }
  return found;
}

/** The ports by which the frames leave, in the order of their names, once for each frame. */
async function out(...frames: readonly (readonly [port: string, given: Frame])[]): Promise<readonly string[]> {
  await appctl(ovs, 'dpctl/flush-conntrack');
  await appctl(ovs, 'time/warp', '3000');
  const earlier = await sentBy();
  for (const [port, given] of frames) await appctl(ovs, 'netdev-dummy/receive', port, frame(given));
  return [...(await sentBy())]
    .flatMap(([port, count]) => Array.from({ length: count - (earlier.get(port) ?? 0) }, () => port))
    .toSorted();
}

const mac = (id: number): string => `02:0a:00:01:00:${id.toString(16)}`;
const bridgeMac = { ovsbr0: '02:0a:00:00:00:01', mesh: '02:0a:00:00:00:02' };
const tcp = (dport: number): Frame['body'] => ({ protocol: 'tcp', flags: FLAG.syn, sport: 40000, dport });
const udp = (dport: number): Frame['body'] => ({ protocol: 'udp', dport });
const ping: Frame['body'] = { protocol: 'icmp', type: 8 };

const device: Readonly<Record<number, string>> = {
  100: 'internal_100',
  101: 'internal_101',
  102: 'internal_102',
  104: 'veth104',
  105: 'veth105',
  106: 'internal_106',
  107: 'veth107',
};

/** A packet of a container's own. */
function own(id: number, to: string, body: Frame['body'], dst?: string): readonly [string, Frame] {
  const meshed = id === 104 || id === 107;
  const from = `10.${meshed ? 1 : 0}.0.${id}`;
  return [device[id] ?? '', { src: mac(id), dst: dst ?? bridgeMac[meshed ? 'mesh' : 'ovsbr0'], from, to, body }];
}

const bodies = [tcp(22), tcp(443), tcp(5432), udp(51820), udp(2408), ping];
const inside = ['10.0.0.100', '10.0.0.101', '10.0.0.102'];
/** Clients of the gateway, WARP's inner address, the chain's own ends, a host of the LAN, and somebody else. */
const outside = ['10.99.0.2', '10.99.1.2', WARP.ip, '95.216.30.2', '192.168.50.2', '198.51.100.9'];

/** To each address with each body, by the bridge's MAC and by each of the chain's. */
function everything(id: number, targets: readonly string[]): readonly (readonly [string, Frame])[] {
  const macs = [undefined, mac(100), mac(101), mac(102), bridgeMac.ovsbr0];
  return targets.flatMap((to) => bodies.flatMap((body) => macs.map((dst) => own(id, to, body, dst))));
}

test('a container without a policy gets nowhere: not into the chain, not to its clients, not to its neighbours, not out', async () => {
  assert.deepEqual(await out(...everything(106, [...inside, ...outside, '10.0.0.1', '10.0.0.105', '10.1.0.104'])), []);
});

test('a container with a way out goes out by the host alone, and to no address of the chain', async () => {
  assert.deepEqual(await out(...everything(105, [...inside, '10.0.0.1'])), []);
  const left = await out(...everything(105, outside));
  assert.deepEqual([...new Set(left)], ['ovsbr0']);
});

test('the chain’s containers reach no general container', async () => {
  for (const id of [100, 101, 102])
    assert.deepEqual(
      await out(...['10.0.0.105', '10.0.0.106'].flatMap((to) => bodies.map((body) => own(id, to, body)))),
      [],
    );
});

test('between two of them there is what a policy says, this way and no other, and its replies', async () => {
  assert.deepEqual(await out(own(105, '10.0.0.106', tcp(5432))), ['internal_106']);
  const answer: Frame['body'] = { protocol: 'tcp', flags: FLAG.syn | FLAG.ack, sport: 5432, dport: 40000 };
  assert.deepEqual(await out(own(105, '10.0.0.106', tcp(5432)), own(106, '10.0.0.105', answer)), [
    'internal_106',
    'veth105',
  ]);
  assert.deepEqual(await out(own(106, '10.0.0.105', answer)), []);
  assert.deepEqual(await out(own(106, '10.0.0.105', tcp(5432)), own(106, '10.0.0.105', ping)), []);
});

test('without the policy the same packet does not arrive', async () => {
  const file = JSON.parse(generalText) as { plugins: { openflow: { flow_policies: { readonly name: string }[] } } };
  const { openflow } = file.plugins;
  openflow.flow_policies = openflow.flow_policies.filter(({ name }) => name !== 'web-to-database');
  await load(meaning(JSON.stringify(file)));
  const sent = await out(own(105, '10.0.0.106', tcp(5432)), own(106, '10.0.0.105', tcp(5432)));
  await load(whole);
  assert.deepEqual(sent, []);
});

test('what joins a mesh sends TCP and UDP out, UDP to the others of its bridge, and nothing else', async () => {
  assert.deepEqual(await out(own(104, '198.51.100.9', udp(51821)), own(107, '198.51.100.9', tcp(443))), [
    'mesh',
    'mesh',
  ]);
  assert.deepEqual(await out(own(104, '198.51.100.9', ping), own(104, '169.254.169.254', tcp(80))), []);
  const both = [own(104, '10.1.0.107', udp(51821)), own(107, '10.1.0.104', udp(51821))] as const;
  assert.deepEqual(await out(both[0]), ['veth107']);
  assert.deepEqual(await out(both[1], both[0]), ['veth104', 'veth107']);
  assert.deepEqual(await out(own(104, '10.1.0.107', tcp(22)), own(104, '10.1.0.1', udp(53))), []);
});

test('another’s address or MAC is nobody’s', async () => {
  const [port, given] = own(105, '10.0.0.106', tcp(5432));
  assert.deepEqual(await out([port, { ...given, from: '10.0.0.100' }], [port, { ...given, src: mac(100) }]), []);
  assert.deepEqual(await out([port, given]), ['internal_106']);
});
