// Level 1 with packets byte by byte, on a real switch whose clock stands still: each drop and each limit hits, and an
// ordinary packet passes.

import assert from 'node:assert/strict';
import { after, before, test as plainTest } from 'node:test';
import type { Facts } from '../../core/topology.ts';
import { client } from '../../core/topology/fixture.ts';
import { run } from '../../drivers/exec.ts';
import { type DummySwitch, startDummySwitch } from '../../drivers/ovsdb/testing.ts';
import { FLAG, type Frame, frame } from './frame.ts';
import { flow } from './index.ts';
import { appctl, build, hostOf } from './testing.ts';

let ovs: DummySwitch;
before(async () => {
  ovs = await startDummySwitch();
  await build(ovs, client, 'ovsbr0', () => true);
  const host = hostOf(ovs, client, () => true);
  for (const { name, spec } of flow.expand(client, {} as Facts))
    await flow.apply(host, [{ kind: 'flow', name, before: null, after: spec }], () => {});
  await appctl(ovs, 'time/stop');
});
after(() => ovs.stop());

type Counts = ReadonlyMap<string, number>;
let earlier: { readonly flows: Counts; readonly meters: Counts };

/** Every test begins without connections, with full meters, and counts from here. */
async function fresh(): Promise<void> {
  await appctl(ovs, 'dpctl/flush-conntrack');
  await appctl(ovs, 'time/warp', '3000');
  earlier = { flows: await flowCounts(), meters: await meterCounts() };
}

/** A hook for each test would run for those of every file in this process. */
function test(title: string, action: () => Promise<void>): void {
  plainTest(title, async () => {
    await fresh();
    await action();
  });
}

async function send(given: Frame, port = 'internal_100', times = 1): Promise<void> {
  for (let sent = 0; sent < times; sent += 1) await appctl(ovs, 'netdev-dummy/receive', port, frame(given));
}

/** Packets by cookie. */
async function flowCounts(): Promise<Counts> {
  await appctl(ovs, 'revalidator/purge');
  const dump = await run(ovs.run, ['ovs-ofctl', '-O', 'OpenFlow14', 'dump-flows', 'ovsbr0']);
  const counts = new Map<string, number>();
  for (const [, cookie = '', count] of dump.matchAll(/cookie=(0x[0-9a-f]+),.*? n_packets=(\d+)/g))
    counts.set(cookie, (counts.get(cookie) ?? 0) + Number(count));
  return counts;
}

/** Packets that each meter has dropped. */
async function meterCounts(): Promise<Counts> {
  const stats = await run(ovs.run, ['ovs-ofctl', '-O', 'OpenFlow14', 'meter-stats', 'ovsbr0']);
  const found = stats.matchAll(/meter:(\d+) [^\n]*\n0: *packet_count:(\d+)/g);
  return new Map([...found].map(([, meter = '', count]) => [meter, Number(count)]));
}

/** How many packets the flows with this cookie took in this test. */
async function hits(cookie: string): Promise<number> {
  return ((await flowCounts()).get(cookie) ?? 0) - (earlier.flows.get(cookie) ?? 0);
}

/** By which an ordinary packet of 100's leaves: its policy. */
const policy = '0xbeef0064';
const tcp = { protocol: 'tcp', flags: FLAG.syn } as const;
const udp = { protocol: 'udp', dport: 4000 } as const;
const proxy = { src: '02:0a:00:01:00:66', from: '10.0.0.102' } as const;
const bridge = { src: '02:0a:00:00:00:01', from: '10.0.0.1', to: '10.0.0.100' } as const;

const drops: readonly (readonly [cookie: string, title: string, bad: Frame, port?: string])[] = [
  ['0xdead0001', 'TCP without flags', { body: { ...tcp, flags: 0 } }],
  ['0xdead0002', 'FIN, PSH and URG', { body: { ...tcp, flags: FLAG.fin | FLAG.psh | FLAG.urg } }],
  ['0xdead0002', 'all flags but SYN and RST', { body: { ...tcp, flags: 0x39 } }],
  ['0xdead0012', 'SYN and FIN', { body: { ...tcp, flags: FLAG.syn | FLAG.fin } }],
  ['0xdead0013', 'SYN and RST', { body: { ...tcp, flags: FLAG.syn | FLAG.rst } }],
  ['0xdead0014', 'FIN without ACK', { body: { ...tcp, flags: FLAG.fin } }],
  ['0xdead0015', 'TCP to port 0', { body: { ...tcp, dport: 0 } }],
  ['0xdead0015', 'TCP from port 0', { body: { ...tcp, sport: 0 } }],
  ['0xdead0003', 'a first fragment of the proxy’s', { ...proxy, body: udp, fragment: 0x2000 }, 'internal_102'],
  ['0xdead0003', 'a later fragment of the proxy’s', { ...proxy, body: udp, fragment: 0x0010 }, 'internal_102'],
  ['0xdead0003', 'a fragment of the host’s', { ...bridge, body: udp, fragment: 0x2000 }, 'ovsbr0'],
  ['0xdead000b', 'a tiny fragment of a client’s, which has no room for ports', { body: udp, fragment: 0x2000 }],
  ['0xdead0005', 'IPv6', { body: { protocol: 'ipv6' } }],
  ['0xdead0007', 'from 0.0.0.0', { body: udp, from: '0.0.0.0' }],
  ['0xdead0008', 'from a group', { body: udp, from: '224.0.0.9' }],
  ['0xdead0016', 'from loopback', { body: udp, from: '127.0.0.1' }],
  ['0xdead0017', 'to 0.0.0.1', { body: udp, to: '0.0.0.1' }],
  ['0xdead0018', 'to loopback', { body: udp, to: '127.0.0.53' }],
  ['0xdead0019', 'to a link-local address', { body: udp, to: '169.254.169.254' }],
  ['0xdead001a', 'to a group', { body: udp, to: '239.255.255.250' }],
  ['0xdead0010', 'a group’s MAC as the sender', { body: udp, src: '03:0a:00:01:00:64' }],
  ['0xdead0011', 'with a VLAN tag', { body: udp, vlan: 7 }],
  ['0xdead0011', 'with a priority tag alone would be no tag, with VLAN 4095 it is one', { body: udp, vlan: 0xfff }],
  ['0xdead000d', 'TTL 0', { body: udp, ttl: 0 }],
  ['0xdead000e', 'TTL 1', { body: udp, ttl: 1 }],
  ['0xdead000b', 'an acknowledgement of nothing, with a reset', { body: { ...tcp, flags: FLAG.syn | FLAG.ack } }],
  ['0xdead0fff', 'another’s MAC', { body: udp, src: '02:0a:00:01:00:65' }],
  ['0xdead0fff', 'another’s address', { body: udp, from: '10.0.0.101' }],
  ['0xdead0fff', 'ARP in another’s name', arp('10.0.0.101', '02:0a:00:01:00:64')],
  ['0xdead0fff', 'ARP with another’s MAC', arp('10.0.0.100', '02:0a:00:01:00:65')],
  [
    '0xdead0104',
    'from outside with an address of the subnet',
    { body: udp, src: '02:0a:00:00:00:01', from: '10.0.0.55', to: '10.0.0.100' },
    'ovsbr0',
  ],
];

for (const [cookie, title, bad, port] of drops)
  test(`${title}: dropped by ${cookie}, and by nothing else`, async () => {
    await send(bad, port);
    assert.equal(await hits(cookie), 1);
    assert.equal(await hits(policy), 0);
    // The same sender's ordinary packets pass.
    await send({ body: tcp });
    await send({ body: udp });
    assert.equal(await hits(policy), 2);
  });

test('ARP in its own name reaches the owner of the address', async () => {
  await send(arp('10.0.0.100', '02:0a:00:01:00:64'));
  assert.deepEqual([await hits('0xdead0101'), await hits('0xdead0004')], [1, 1]);
});

const limits: readonly (readonly [cookie: string, title: string, Frame['body'], rate: number, burst: number])[] = [
  ['0xdead0020', 'pings', { protocol: 'icmp', type: 8 }, 50, 100],
  ['0xdead000c', 'new TCP connections', tcp, 200, 400],
  ['0xdead0021', 'DNS requests', { protocol: 'udp', dport: 53 }, 100, 200],
  ['0xdead0022', 'NTP requests', { protocol: 'udp', dport: 123 }, 10, 20],
  ['0xdead0023', 'SSDP requests', { protocol: 'udp', dport: 1900 }, 10, 20],
];

for (const [cookie, title, body, rate, burst] of limits)
  test(`${title}: ${burst} at once and ${rate} a second pass, the rest is dropped and counted, and nobody else suffers`, async () => {
    await send({ body }, 'internal_100', burst + 30);
    assert.equal(await hits(policy), burst);
    assert.equal(await dropped(cookie), 30);
    await appctl(ovs, 'time/warp', '1000');
    await send({ body }, 'internal_100', rate + 5);
    assert.equal(await hits(policy), burst + rate);
    // Other sorts of packets of the same member, and the same sort of another's, are not limited by it.
    await send({ body: udp });
    assert.equal(await hits(policy), burst + rate + 1);
    const other = { body, src: '02:0a:00:01:00:66', from: '10.0.0.102', to: '203.0.113.30' };
    await send(other, 'internal_102');
    assert.equal(await hits('0xdead0102'), 0);
  });

test('ARP: 100 at once, then 50 a second', async () => {
  await send(arp('10.0.0.100', '02:0a:00:01:00:64'), 'internal_100', 120);
  // A meter and what comes after it are one flow of the datapath, so that the next table counts all: ask the meter.
  assert.equal(await dropped('0xdead0101'), 20);
});

/** Packets that the meter of the flow with this cookie on 100's port has dropped in this test. */
async function dropped(cookie: string): Promise<number> {
  const lines = (flow.expand(client, {} as Facts)[0]?.spec.flows ?? []).filter((line) => line.includes(`=${cookie},`));
  const meter =
    /in_port=internal_100.*meter:(\d+)/.exec(lines.join('\n').replace(/.*internal_10[12].*/g, ''))?.[1] ?? '';
  return ((await meterCounts()).get(meter) ?? Number.NaN) - (earlier.meters.get(meter) ?? 0);
}

function arp(spa: string, sha: string): Frame {
  return { dst: 'ff:ff:ff:ff:ff:ff', body: { protocol: 'arp', sha, spa, tpa: '10.0.0.1' } };
}
