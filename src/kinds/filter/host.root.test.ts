// The host's table between a bridge and an uplink, with packets. Needs root; works in network namespaces of its own.
//
//   inside (10.0.0.100-102) --- ovsbr0 [host] eth0 --- outside (203.0.113.1, .30, private 192.168.1.0/24)

import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, test } from 'node:test';
import type { Facts, Topology } from '../../core/topology.ts';
import { expand } from './expand.ts';
import { client, member, vps as server } from '../../core/topology/fixture.ts';
import { facts } from './fixture.ts';
import { type Namespace, namespace, type Probe, sure, wire } from './testing.ts';

const made: Namespace[] = [];
afterEach(() => made.splice(0).forEach(({ end }) => end()));

type Net = { readonly inside: Namespace; readonly host: Namespace; readonly outside: Namespace };

async function net(): Promise<Net> {
  const [inside, host, outside] = await Promise.all([namespace(), namespace(), namespace()]);
  made.push(inside, host, outside);
  const members = ['10.0.0.100/24', '10.0.0.101/24', '10.0.0.102/24', 'fd00::102/64'];
  await wire(host, 'ovsbr0', ['10.0.0.1/24', 'fd00::1/64'], inside, 'in0', members);
  const places = ['203.0.113.30/24', '203.0.113.1/24', '192.168.1.53/24', '192.168.1.1/24', '2001:db8::30/64'];
  await wire(host, 'eth0', ['203.0.113.10/24', '192.168.1.10/24', '2001:db8::10/64'], outside, 'net0', places);
  await inside.ip('route add default via 10.0.0.1');
  await inside.ip('-6 route add default via fd00::1');
  await outside.ip('route add 10.0.0.0/24 via 203.0.113.10');
  await outside.ip('-6 route add fd00::/64 via 2001:db8::10');
  return { inside, host, outside };
}

function own(topology: Topology, what: Partial<Facts> = {}): string {
  return expand(topology, { ...facts, ...what })[0]?.spec.text ?? '';
}

const exit = { from: '10.0.0.102', to: '203.0.113.30' };

/** What no container of the client profile may send out: other senders, other places, other protocols, IPv6. */
const forbidden: readonly Probe[] = [
  { protocol: 'udp', ...exit, port: 443 },
  { protocol: 'tcp', ...exit, port: 80 },
  { protocol: 'tcp', from: '10.0.0.102', to: '203.0.113.1', port: 443 },
  { protocol: 'tcp', from: '10.0.0.100', to: '203.0.113.30', port: 443 },
  { protocol: 'tcp', from: '10.0.0.101', to: '203.0.113.30', port: 443 },
  { protocol: 'udp', from: '10.0.0.100', to: '192.168.1.53', port: 53 },
  { protocol: 'ping', ...exit },
  { protocol: 'ping', from: '10.0.0.100', to: '203.0.113.1' },
  { protocol: 'udp', to: '2001:db8::30', port: 443 },
];

test('each golden text is listed by nft as it was loaded', async () => {
  for (const path of globSync(join(import.meta.dirname, 'golden/*.nft'))) {
    const text = readFileSync(path, 'utf8').trimEnd();
    const one = await namespace();
    made.push(one);
    await one.load(text);
    assert.equal(await one.list(), text, path);
  }
});

test('odd states too give texts that nft lists as they were loaded', async () => {
  const one = await namespace();
  made.push(one);
  const [gateway] = client.members;
  const wg0 = gateway?.wireguard['wg0'];
  assert.ok(gateway && wg0);
  const allowed = ['10.98.0.0/15', '192.0.2.7/32', '10.99.0.128/25'];
  const wide = {
    ...gateway,
    wireguard: { wg0, wg1: { ...wg0, listen_port: 51821, peers: [{ public_key: 'K', allowed_ips: allowed }] } },
  };
  const all = { ...gateway, wireguard: { wg0: { ...wg0, peers: [{ public_key: 'K', allowed_ips: ['0.0.0.0/0'] }] } } };
  const published = [...client.published, { protocol: 'tcp', port: 443, to: '10.0.0.102', from: 'anywhere' } as const];
  for (const member of [wide, all, { ...gateway, bridge: 'mesh', wireguard: {} }])
    for (const { name, spec } of expand(
      { ...client, published, members: [member, ...client.members.slice(1)] },
      facts,
    )) {
      await one.load(spec.text);
      assert.equal(await one.list(), spec.text, name);
    }
});

test('of the chain only the exit’s pinned connection gets out, under the host’s address', async () => {
  const { inside, host, outside } = await net();
  await outside.serve([80, 443, 53]);
  await host.load(own(client));
  const others = await outside.count('prerouting', 'iifname "net0" ip saddr != 203.0.113.10 ip daddr != 192.168.1.10');
  const [answer, ...none] = await inside.probe(sure({ protocol: 'tcp', ...exit, port: 443 }), ...forbidden);
  assert.equal(answer, '203.0.113.10');
  assert.deepEqual(
    none,
    forbidden.map(() => null),
  );
  assert.equal(await others(), 0);
});

test('without the table the same probes do get out: the detector detects', async () => {
  const { inside, outside } = await net();
  await outside.serve([80, 443, 53]);
  const seen = await outside.count('prerouting', 'iifname "net0" meta l4proto { tcp, udp, icmp, ipv6-icmp }');
  const answers = await inside.probe(...forbidden.slice(0, -1).map(sure));
  assert.ok(
    answers.every((answer) => answer !== null),
    JSON.stringify(answers),
  );
  assert.ok((await seen()) > 0);
});

test('nothing that is forbidden reaches the wire, answered or not', async () => {
  const { inside, host, outside } = await net();
  const seen = await outside.count('prerouting', 'iifname "net0" meta l4proto { tcp, udp, icmp }');
  await host.load(own(client));
  await inside.probe(...forbidden);
  assert.equal(await seen(), 0);
});

test('a published port is reached with the sender’s address, and nothing else behind the host', async () => {
  const { inside, host, outside } = await net();
  await inside.serve([51820, 443, 1080]);
  const open = { ...client, published: client.published.map((port) => ({ ...port, from: 'anywhere' as const })) };
  await host.load(own(open));
  const seen = await inside.count('prerouting', 'iifname "in0" udp dport != 51820');
  const [published, ...none] = await outside.probe(
    sure({ protocol: 'udp', from: '203.0.113.30', to: '203.0.113.10', port: 51820 }),
    { protocol: 'udp', to: '10.0.0.100', port: 51820 },
    { protocol: 'udp', to: '10.0.0.102', port: 1080 },
    { protocol: 'tcp', to: '10.0.0.102', port: 1080 },
    { protocol: 'udp', to: '203.0.113.10', port: 1080 },
  );
  assert.equal(published, '203.0.113.30 from 203.0.113.10:51820');
  assert.deepEqual(none, [null, null, null, null]);
  assert.equal(await seen(), 0);
});

test('a port for the LAN is reached from a private address, and a stranger gets nothing from it', async () => {
  const { inside, host, outside } = await net();
  await inside.serve([51820]);
  await host.load(own(client));
  const [stranger] = await outside.probe({ protocol: 'udp', from: '203.0.113.30', to: '203.0.113.10', port: 51820 });
  assert.equal(stranger, null);
  const near = { protocol: 'udp', from: '192.168.1.53', to: '192.168.1.10', port: 51820 } as const;
  assert.deepEqual(await outside.probe(sure(near)), ['192.168.1.53 from 192.168.1.10:51820']);
});

test('a container can’t reach the host by any of its addresses, and the host can reach a container', async () => {
  const { inside, host } = await net();
  await host.serve([22]);
  await inside.serve([1080]);
  const services: readonly Probe[] = ['10.0.0.1', '203.0.113.10', '192.168.1.10'].flatMap((to) => [
    { protocol: 'tcp', to, port: 22 },
    { protocol: 'udp', to, port: 22 },
    { protocol: 'ping', to },
  ]);
  assert.ok((await inside.probe(...services.map(sure))).every((answer) => answer !== null));
  await host.load(own(client));
  assert.deepEqual(
    await inside.probe(...services),
    services.map(() => null),
  );
  const reach: readonly Probe[] = [
    { protocol: 'tcp', to: '10.0.0.102', port: 1080 },
    { protocol: 'ping', to: '10.0.0.100' },
  ];
  assert.deepEqual(await host.probe(...reach.map(sure)), ['10.0.0.1', '10.0.0.100']);
});

test('a VPS’s proxy reaches the Internet and its name server, but not the provider’s networks', async () => {
  const { inside, host, outside } = await net();
  await outside.serve([443, 53, 8080]);
  await host.load(own(server));
  const from = '10.0.0.100';
  const answers = await inside.probe(
    sure({ protocol: 'tcp', from, to: '203.0.113.30', port: 8080 }),
    sure({ protocol: 'udp', from, to: '203.0.113.30', port: 443 }),
    sure({ protocol: 'udp', from, to: '192.168.1.53', port: 53 }),
    { protocol: 'tcp', from, to: '192.168.1.53', port: 8080 },
    { protocol: 'tcp', from, to: '192.168.1.1', port: 53 },
    { protocol: 'tcp', from: '10.0.0.101', to: '203.0.113.30', port: 8080 },
  );
  assert.deepEqual(answers, [
    '203.0.113.10',
    '203.0.113.10 from 203.0.113.30:443',
    '192.168.1.10 from 192.168.1.53:53',
    null,
    null,
    null,
  ]);
});

test('what joins a mesh reaches peers and servers anywhere by TCP and UDP, and neither host nor metadata', async () => {
  const { inside, host, outside } = await net();
  await outside.serve([443, 53, 8080]);
  const from = '10.0.0.101';
  const one = member(101, 'app-server', { netmaker: true, next: 'host' });
  await host.load(own({ ...client, members: [one], published: [], exits: [{ ip: from, pin: null }] }));
  await outside.ip('address add 169.254.169.254/16 dev net0');
  await host.ip('address add 169.254.0.1/16 dev eth0');
  const answers = await inside.probe(
    sure({ protocol: 'tcp', from, to: '203.0.113.30', port: 8080 }),
    sure({ protocol: 'udp', from, to: '192.168.1.1', port: 443 }),
    { protocol: 'ping', from, to: '203.0.113.30' },
    { protocol: 'tcp', from, to: '169.254.169.254', port: 8080 },
    { protocol: 'tcp', from: '10.0.0.102', to: '203.0.113.30', port: 8080 },
    { protocol: 'ping', from, to: '10.0.0.1' },
  );
  assert.deepEqual(answers, ['203.0.113.10', '192.168.1.10 from 192.168.1.1:443', null, null, null, null]);
});

test('an open connection ends when the rule that let it out is gone', async () => {
  const { inside, host, outside } = await net();
  await outside.serve([443]);
  await host.load(own(server));
  const probe: Probe = { protocol: 'udp', from: '10.0.0.100', fromPort: 4000, to: '203.0.113.30', port: 443 };
  assert.notEqual((await inside.probe(sure(probe)))[0], null);
  const seen = await outside.count('prerouting', 'iifname "net0" udp dport 443');
  await host.load(own({ ...server, exits: [] }));
  assert.deepEqual(await inside.probe(probe), [null]);
  assert.equal(await seen(), 0);
});

test('forwarding that has nothing to do with the bridges goes on where the host forwarded before, and only there', async () => {
  const { host, outside } = await net();
  const other = await namespace();
  made.push(other);
  await wire(host, 'eth1', ['198.51.100.1/24'], other, 'o0', ['198.51.100.2/24']);
  await other.ip('route add default via 198.51.100.1');
  await outside.ip('route add 198.51.100.0/24 via 203.0.113.10');
  await outside.serve([80]);
  const web: Probe = { protocol: 'tcp', to: '203.0.113.30', port: 80 };
  await host.load(own(client, { forwards: true }));
  assert.deepEqual(await other.probe(sure(web)), ['198.51.100.2']);
  await host.load(own(client));
  assert.deepEqual(await other.probe(web), [null]);
});

test('from level 2 on whatever leaves has one TTL and DSCP, counts no packets that can’t be cut, and dies without a hop left', async () => {
  const { inside, host, outside } = await net();
  const ping = async (ttl: number): Promise<unknown> =>
    inside.exec([...'ping -n -c 1 -W 0.3 -M dont -Q 0xb8 -I 10.0.0.100 203.0.113.1 -t'.split(' '), `${ttl}`] as [
      string,
    ]);
  const seen = async (level: number, rule: string): Promise<number> => {
    await host.load(own({ ...server, level }));
    const counted = await outside.count('prerouting', `ip saddr 203.0.113.10 ${rule}`);
    const syn = inside.probe({ protocol: 'tcp', from: '10.0.0.100', to: '203.0.113.1', port: 80 });
    await Promise.all([syn, ...[1, 2, 32, 64, 128, 255].map(ping)]);
    return counted();
  };
  assert.equal(await seen(1, 'icmp type echo-request ip ttl != 64 ip dscp ef'), 5);
  assert.equal(await seen(1, 'tcp flags syn ip id != 0'), 1);
  assert.equal(await seen(2, 'icmp type echo-request'), 5);
  assert.equal(await seen(2, 'icmp type echo-request ip ttl 64 ip dscp cs0'), 5);
  assert.equal(await seen(2, 'tcp flags syn ip ttl 64 ip id 0'), 1);
  // What a router may cut is put together again by its number.
  assert.equal(await seen(2, 'icmp type echo-request ip id != 0'), 5);
});
