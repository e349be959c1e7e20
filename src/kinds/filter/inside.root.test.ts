// The tables inside containers, with packets. Needs root; works in network namespaces of its own.
//
// The container under test stands between its bridge (left) and, for gateway and WARP, its tunnel's device (right); the
// tunnels themselves are veth pairs here: the tables know them by name alone.

import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import type { Topology } from '../../core/topology.ts';
import { run } from '../../drivers/exec.ts';
import { expand } from './expand.ts';
import { client, vps as server } from '../../core/topology/fixture.ts';
import { facts } from './fixture.ts';
import { type Namespace, namespace, type Probe, sure, wire } from './testing.ts';

const made: Namespace[] = [];
afterEach(() => made.splice(0).forEach(({ end }) => end()));

async function namespaces(count: number): Promise<readonly Namespace[]> {
  const all = await Promise.all(Array.from({ length: count }, namespace));
  made.push(...all);
  return all;
}

async function load(container: Namespace, name: string, topology: Topology = client): Promise<void> {
  const found = expand(topology, facts).find((resource) => resource.name === name);
  assert.ok(found);
  await container.load(found.spec.text);
}

/** The bridge's side: every neighbour's address and the Internet, in one namespace. */
const neighbours = ['10.0.0.1/24', '10.0.0.100/24', '10.0.0.101/24', '10.0.0.103/24'];
const internet = ['203.0.113.30/32', '203.0.113.31/32', '162.159.192.1/32', '198.51.100.7/32'];

async function proxy(address: string, device: string): Promise<{ readonly box: Namespace; readonly world: Namespace }> {
  const [box, world] = (await namespaces(2)) as [Namespace, Namespace];
  await wire(world, 'br0', [...neighbours.filter((one) => one !== address), ...internet, 'fd00::1/64'], box, device, [
    address,
    'fd00::2/64',
  ]);
  await box.ip('route add default via 10.0.0.1');
  await box.ip('-6 route add default via fd00::1');
  return { box, world };
}

test('the proxy takes WARP’s packets in from the one before it alone, and answers as WARP', async () => {
  const { box, world } = await proxy('10.0.0.102/24', 'internal_102');
  await load(box, 'xray-client');
  await box.serve([12408, 2408]);
  await world.ip('address del 162.159.192.1/32 dev br0');
  await world.ip('route add 162.159.192.1/32 via 10.0.0.102');
  const warp = { protocol: 'udp', to: '162.159.192.1', port: 2408 } as const;
  const answers = await world.probe(
    sure({ ...warp, from: '10.0.0.101' }),
    { ...warp, from: '10.0.0.103' },
    { ...warp, from: '10.0.0.101', port: 500 },
    { ...warp, from: '10.0.0.101', protocol: 'tcp' },
    { protocol: 'udp', from: '10.0.0.101', to: '10.0.0.102', port: 12408 },
  );
  assert.deepEqual(answers, ['10.0.0.101 from 162.159.192.1:2408', null, null, null, null]);
});

test('the proxy’s SOCKS port is the host’s alone, and it can be pinged', async () => {
  const { box, world } = await proxy('10.0.0.102/24', 'internal_102');
  await load(box, 'xray-client');
  await box.serve([1080, 22]);
  const to = '10.0.0.102';
  const answers = await world.probe(
    sure({ protocol: 'tcp', from: '10.0.0.1', to, port: 1080 }),
    { protocol: 'tcp', from: '10.0.0.100', to, port: 1080 },
    { protocol: 'tcp', from: '10.0.0.1', to, port: 22 },
    sure({ protocol: 'ping', from: '10.0.0.101', to }),
  );
  assert.deepEqual(answers, ['10.0.0.1', null, null, '10.0.0.102']);
});

const strays: readonly Probe[] = [
  { protocol: 'tcp', to: '203.0.113.30', port: 80 },
  { protocol: 'udp', to: '203.0.113.30', port: 443 },
  { protocol: 'tcp', to: '203.0.113.31', port: 443 },
  { protocol: 'udp', to: '10.0.0.1', port: 53 },
  { protocol: 'ping', to: '10.0.0.1' },
  { protocol: 'ping', to: '203.0.113.30' },
  { protocol: 'udp', to: 'fd00::1', port: 443 },
];

test('the proxy sends to the VPS alone, and forwards nothing', async () => {
  const { box, world } = await proxy('10.0.0.102/24', 'internal_102');
  await world.serve([80, 443, 53]);
  const seen = await world.count('prerouting', 'iifname "br0" meta l4proto { tcp, udp, icmp }');
  assert.ok(
    (await box.probe(...strays)).some((answer) => answer !== null),
    'the strays can be seen',
  );
  assert.ok((await seen()) > 0);
  await load(box, 'xray-client');
  const after = await world.count('prerouting', 'iifname "br0" meta l4proto { tcp, udp, icmp }');
  await box.probe(...strays);
  await world.exec(['ip', 'route', 'add', '192.0.2.0/24', 'via', '10.0.0.102']);
  await world.probe({ protocol: 'udp', to: '192.0.2.9', port: 9 });
  assert.equal(await after(), 0);
  assert.deepEqual(await box.probe(sure({ protocol: 'tcp', to: '203.0.113.30', port: 443 })), ['10.0.0.102']);
});

test('a VPS’s proxy lets its port in, the Internet out, and its neighbours and the host alone', async () => {
  const { box, world } = await proxy('10.0.0.100/24', 'internal_100');
  await load(box, 'xray-server', server);
  await world.serve([80, 443]);
  await box.serve([443, 22]);
  const out = await box.probe(
    sure({ protocol: 'tcp', to: '198.51.100.7', port: 80 }),
    { protocol: 'tcp', to: '10.0.0.1', port: 80 },
    { protocol: 'udp', to: '10.0.0.101', port: 443 },
  );
  assert.deepEqual(out, ['10.0.0.100', null, null]);
  const from = '198.51.100.7';
  const into = await world.probe(
    sure({ protocol: 'tcp', from, to: '10.0.0.100', port: 443 }),
    { protocol: 'tcp', from, to: '10.0.0.100', port: 22 },
    { protocol: 'udp', from, to: '10.0.0.100', port: 443 },
    sure({ protocol: 'ping', from: '10.0.0.1', to: '10.0.0.100' }),
  );
  assert.deepEqual(into, [from, null, null, '10.0.0.100']);
});

type Router = { readonly left: Namespace; readonly box: Namespace; readonly right: Namespace };

test('WARP’s container carries from the bridge into the tunnel under its own address, with small segments', async () => {
  const { left, box, right } = await router(
    ['10.0.0.100/24', '10.0.0.102/24', '162.159.192.1/32'],
    'internal_101',
    '10.0.0.101/24',
    'wg-warp',
    '10.99.1.2/24',
    ['10.99.1.1/24', '198.51.100.7/32'],
  );
  await left.ip('route add 198.51.100.0/24 via 10.0.0.101');
  await box.ip('route add 198.51.100.0/24 via 10.99.1.1 dev wg-warp');
  await box.ip('route add 162.159.192.1 via 10.0.0.100');
  await right.ip('route add 10.0.0.0/24 via 10.99.1.2');
  await load(box, 'warp-tunnel');
  await right.serve([80]);
  await left.serve([2408, 80]);
  const small = await right.count('prerouting', 'iifname "r0" tcp flags syn tcp option maxseg size 1240');
  assert.deepEqual(await left.probe(sure({ protocol: 'tcp', to: '198.51.100.7', port: 80 })), ['10.99.1.2']);
  assert.ok((await small()) > 0);
  const outward = await box.probe(
    sure({ protocol: 'udp', to: '162.159.192.1', port: 2408, bytes: 1312 }),
    { protocol: 'udp', to: '162.159.192.1', port: 2408, bytes: 1296 },
    { protocol: 'udp', to: '162.159.192.1', port: 80, bytes: 1312 },
    { protocol: 'tcp', to: '10.0.0.100', port: 80 },
    sure({ protocol: 'tcp', to: '198.51.100.7', port: 80 }),
    sure({ protocol: 'ping', to: '10.0.0.102' }),
  );
  assert.deepEqual(outward, ['10.0.0.101 from 162.159.192.1:2408', null, null, null, '10.99.1.2', '10.0.0.102']);
  const inward = await right.probe(
    { protocol: 'tcp', to: '10.0.0.100', port: 80 },
    { protocol: 'ping', to: '10.0.0.100' },
    { protocol: 'ping', to: '10.99.1.2' },
  );
  assert.deepEqual(inward, [null, null, null]);
});

test('when the tunnel is gone nothing leaves by the bridge, and the sender is told', async () => {
  const { left, box } = await router(['10.0.0.100/24'], 'internal_101', '10.0.0.101/24', 'wg-warp', '10.99.1.2/24', [
    '10.99.1.1/24',
  ]);
  await left.ip('route add 198.51.100.0/24 via 10.0.0.101');
  await load(box, 'warp-tunnel');
  await box.ip('link delete wg-warp');
  await box.ip('route add default via 10.0.0.100');
  const seen = await left.count('prerouting', 'iifname "l0" ip daddr 198.51.100.0/24');
  await left.probe({ protocol: 'udp', to: '198.51.100.7', port: 9 }, { protocol: 'ping', to: '198.51.100.7' });
  assert.equal(await seen(), 0);
  await box.ip('route replace unreachable default');
  const told = await left.count('prerouting', 'iifname "l0" icmp type destination-unreachable');
  await left.probe({ protocol: 'udp', to: '198.51.100.7', port: 9 });
  assert.equal(await told(), 1);
});

test('the gateway carries its clients’ packets to the bridge, and nothing but replies back', async () => {
  const { left, box, right } = await router(
    ['10.0.0.101/24', '198.51.100.7/32'],
    'internal_100',
    '10.0.0.100/24',
    'wg0',
    '10.99.0.1/24',
    ['10.99.0.2/24', '172.31.0.9/32'],
  );
  await box.ip('route add default via 10.0.0.101');
  await box.ip('route add 172.31.0.9 via 10.99.0.2');
  await right.ip('route add default via 10.99.0.1');
  await left.ip('route add 10.99.0.0/24 via 10.0.0.100');
  await load(box, 'wireguard-gateway');
  await left.serve([80, 53]);
  await right.serve([80]);
  await box.serve([51820, 22]);
  const tcp = { protocol: 'tcp', to: '198.51.100.7', port: 80 } as const;
  const outward = await right.probe(
    sure({ ...tcp, from: '10.99.0.2' }),
    { ...tcp, from: '172.31.0.9' },
    { ...tcp, to: '10.0.0.101' },
    sure({ protocol: 'ping', to: '10.99.0.1' }),
    { ...tcp, to: '10.99.0.1', port: 22 },
    { protocol: 'udp', to: '10.99.0.1', port: 51820 },
  );
  assert.deepEqual(outward, ['10.0.0.100', null, null, '10.99.0.1', null, null]);
  const inward = await left.probe(
    { ...tcp, to: '10.99.0.2' },
    sure({ protocol: 'udp', to: '10.0.0.100', port: 51820 }),
    { ...tcp, to: '10.0.0.100', port: 22 },
    sure({ protocol: 'ping', to: '10.0.0.100' }),
  );
  assert.deepEqual(inward, [null, '10.0.0.101 from 10.0.0.100:51820', null, '10.0.0.100']);
  const own = await box.probe(tcp, { ...tcp, protocol: 'udp', port: 53 }, sure({ protocol: 'ping', to: '10.0.0.101' }));
  assert.deepEqual(own, [null, null, '10.0.0.101']);
});

test('a segment for the gateway’s client is cut to its tunnel’s MTU', async () => {
  const { left, box, right } = await router(
    ['10.0.0.101/24', '198.51.100.7/32'],
    'internal_100',
    '10.0.0.100/24',
    'wg0',
    '10.99.0.1/24',
    ['10.99.0.2/24'],
  );
  await box.ip('route add default via 10.0.0.101');
  await right.ip('route add default via 10.99.0.1');
  await run(box.exec, ['ip', 'link', 'set', 'wg0', 'mtu', '1280']);
  await load(box, 'wireguard-gateway');
  await left.serve([80]);
  const small = await left.count('prerouting', 'iifname "l0" tcp flags syn tcp option maxseg size 1240');
  await right.probe(sure({ protocol: 'tcp', to: '198.51.100.7', port: 80 }));
  assert.ok((await small()) > 0);
});

const shaper = { mode: 'constant', up: 1, down: 1, frame: 1316, quantum: 1, monthly_bytes: 0, warp: null } as const;

/** The topology with shaping at that member. */
function shaped(topology: Topology, what: Partial<typeof shaper> | object = {}): Topology {
  const members = topology.members.map((one) => (one.xray === null ? one : { ...one, shaper: { ...shaper, ...what } }));
  return { ...topology, members };
}

/** Sends UDP as a user, and says whether the kernel let it go. */
async function goes(box: Namespace, user: string, to: string, port: number): Promise<boolean> {
  const script = `echo x >/dev/udp/${to}/${port}`;
  return (await box.exec(['setpriv', `--reuid=${user}`, '--clear-groups', 'bash', '-c', script])).code === 0;
}

test('past the shaper nobody reaches the proxy’s inlet, and the table is read back as it was written', async () => {
  const { box } = await proxy('10.0.0.102/24', 'internal_102');
  const topology = shaped(client);
  assert.deepEqual(
    await Promise.all(['13', '0', '1'].map((user) => goes(box, user, '127.0.0.1', 12409))),
    [true, true, true],
    'this test needs a way that is open without the table',
  );
  await load(box, 'xray-client', topology);
  assert.deepEqual(await Promise.all(['13', '0', '1'].map((user) => goes(box, user, '127.0.0.1', 12409))), [
    true,
    false,
    false,
  ]);
  assert.equal(await box.list(), expand(topology, facts).find(({ name }) => name === 'xray-client')?.spec.text);
});

test('the VPS’s shaper reaches WARP alone, and its proxy all that it did', async () => {
  const { box } = await proxy('10.0.0.100/24', 'internal_100');
  const topology = shaped(server, { warp: { ip: '162.159.192.1', port: 2408 } });
  await load(box, 'xray-server', topology);
  const to = (user: string) =>
    Promise.all([
      goes(box, user, '162.159.192.1', 2408),
      goes(box, user, '162.159.192.1', 53),
      goes(box, user, '198.51.100.7', 2408),
      goes(box, user, '127.0.0.1', 2499),
    ]);
  assert.deepEqual(await to('13'), [true, false, false, true]);
  assert.deepEqual(await to('0'), [true, true, true, true]);
  assert.equal(await box.list(), expand(topology, facts).find(({ name }) => name === 'xray-server')?.spec.text);
});

/** left (l0) --- outer [box] inner --- (r0) right */
async function router(
  leftAddresses: readonly string[],
  outer: string,
  outerAddress: string,
  inner: string,
  innerAddress: string,
  rightAddresses: readonly string[],
): Promise<Router> {
  const [left, box, right] = (await namespaces(3)) as [Namespace, Namespace, Namespace];
  await wire(left, 'l0', leftAddresses, box, outer, [outerAddress]);
  await wire(right, 'r0', rightAddresses, box, inner, [innerAddress]);
  return { left, box, right };
}
