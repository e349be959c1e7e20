// What the client's pipeline lets through, asked of a real switch's packet tracer: the promises, written without the pipeline.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import fc from 'fast-check';
import type { Facts } from '../../core/topology.ts';
import { run } from '../../drivers/exec.ts';
import { type DummySwitch, startDummySwitch } from '../../drivers/ovsdb/testing.ts';
import { client, VPS, WARP } from '../../core/topology/fixture.ts';
import { flow } from './index.ts';
import { addPort, build, hostOf, type Output, trace } from './testing.ts';

type Packet = {
  readonly on: string;
  readonly mac: string;
  readonly src: string;
  readonly dst: string;
  /** `icmp` is an error, `ping` an echo request. */
  readonly protocol: 'tcp' | 'udp' | 'icmp' | 'ping';
  readonly sport: number;
  readonly dport: number;
  readonly ttl: number;
  readonly state: string;
  readonly mark: number;
};

const macs: Readonly<Record<string, string>> = {
  LOCAL: '02:0a:00:00:00:01',
  internal_100: '02:0a:00:01:00:64',
  internal_101: '02:0a:00:01:00:65',
  internal_102: '02:0a:00:01:00:66',
};
const ips: Readonly<Record<string, string>> = {
  LOCAL: '10.0.0.1',
  internal_100: '10.0.0.100',
  internal_101: '10.0.0.101',
  internal_102: '10.0.0.102',
};
const ports = Object.keys(ips);
const strangers = ['8.8.8.8', '192.168.1.7', '10.1.0.4', VPS.ip, WARP.ip, '198.51.100.9', '10.99.0.2', '100.64.3.2'];

/** Half of a mark: who is who in it. */
const halves: Readonly<Record<number, string>> = {
  0xfffe: 'LOCAL',
  100: 'internal_100',
  101: 'internal_101',
  102: 'internal_102',
};

const half = fc.constantFrom(...Object.keys(halves).map(Number), 103);
const host = fc.constantFrom(...Object.values(ips), '10.0.0.55', '10.0.0.255', ...strangers);

/** Mostly honest senders, for a lie ends at the first table. */
function packetOn(on: string): fc.Arbitrary<Packet> {
  return fc.record(
    {
      on: fc.constant(on),
      mac: fc.oneof({ weight: 9, arbitrary: fc.constant(macs[on] ?? '') }, fc.constantFrom(...Object.values(macs))),
      src: fc.oneof({ weight: 2, arbitrary: fc.constant(ips[on] ?? '') }, host),
      dst: fc.oneof(host, fc.constantFrom(VPS.ip, WARP.ip)),
      protocol: fc.constantFrom('tcp', 'udp', 'icmp', 'ping'),
      sport: fc.constantFrom(53, 443, 1080, 2408, 40000, 51820),
      dport: fc.constantFrom(53, 443, 1080, 2408, 40000, 51820),
      ttl: fc.constantFrom(0, 1, 2, 64, 255),
      state: fc.constantFrom('trk,new', 'trk,est', 'trk,est,rpl', 'trk,rel', 'trk,rel,rpl', 'trk,inv', 'trk,new,rel'),
      mark: fc.oneof(
        fc.constant(0),
        fc.tuple(half, half).map(([initiator, responder]) => initiator * 0x10000 + responder),
      ),
    },
    { noNullPrototype: true },
  );
}

const anyPacket = fc.constantFrom(...ports).chain(packetOn);

/** The ports that the packet may come out of, by what docs/pipeline.md promises; at most one. */
function allowed({ on, mac, src, dst, protocol, sport, dport, state, mark }: Packet): string | null {
  const words = state.split(',');
  if (mac !== macs[on] || words.includes('inv')) return null;
  const initiator = halves[Math.floor(mark / 0x10000)];
  const responder = halves[mark % 0x10000];
  const pairs = [
    'LOCAL>internal_100',
    'LOCAL>internal_101',
    'LOCAL>internal_102',
    'internal_100>internal_101',
    'internal_101>internal_102',
    'internal_102>LOCAL',
  ];
  const pair = pairs.includes(`${initiator}>${responder}`);
  if (words.includes('rpl')) return pair && responder === on && !words.includes('new') ? (initiator ?? null) : null;
  const inside = dst.startsWith('10.0.0.');
  if (on === 'LOCAL') {
    const to = ports.find((port) => port !== 'LOCAL' && ips[port] === dst) ?? null;
    const published = protocol === 'udp' && dst === ips['internal_100'] && dport === 51820;
    const error =
      protocol === 'icmp' &&
      words.includes('rel') &&
      !words.includes('new') &&
      mark === 0xfffe0064 &&
      dst === ips['internal_100'];
    if (error) return to;
    return src === ips['LOCAL'] || (published && !src.startsWith('10.0.0.')) ? to : null;
  }
  if (src !== ips[on]) return null;
  if (on === 'internal_100') {
    if (protocol === 'udp' && sport === 51820) return null;
    return !inside || (protocol === 'ping' && dst === ips['internal_101']) ? 'internal_101' : null;
  }
  if (on === 'internal_101')
    return (protocol === 'ping' && dst === ips['internal_102']) ||
      (protocol === 'udp' && dst === WARP.ip && dport === WARP.port)
      ? 'internal_102'
      : null;
  return protocol === 'tcp' && dst === VPS.ip && dport === VPS.port ? 'LOCAL' : null;
}

function text({ on, mac, src, dst, protocol, sport, dport, ttl, mark }: Packet): string {
  const types = { icmp: 'icmp_type=3,icmp_code=4', ping: 'icmp_type=8,icmp_code=0' };
  const l4 =
    protocol in types ? types[protocol as keyof typeof types] : `${protocol}_src=${sport},${protocol}_dst=${dport}`;
  const name = protocol === 'ping' ? 'icmp' : protocol;
  const flags = protocol === 'tcp' ? ',tcp_flags=ack' : '';
  return `in_port=${on},dl_src=${mac},dl_dst=02:0a:00:00:00:aa,${name},nw_src=${src},nw_dst=${dst},nw_ttl=${ttl},${l4}${flags},ct_mark=0x${mark.toString(16)}`;
}

/** A new UDP datagram of the port's own to a stranger, but for `more`. */
function from(on: string, more: Partial<Packet>): Packet {
  const base = {
    protocol: 'udp',
    dst: '8.8.8.8',
    sport: 40000,
    dport: 40000,
    ttl: 64,
    state: 'trk,new',
    mark: 0,
  } as const;
  return { ...base, on, mac: macs[on] ?? '', src: ips[on] ?? '', ...more };
}

let ovs: DummySwitch;
const through = (packet: Packet): Promise<readonly Output[]> => trace(ovs, 'ovsbr0', text(packet), packet.state);

before(async () => {
  ovs = await startDummySwitch();
  await build(ovs, client, 'ovsbr0', () => true);
  const [wanted] = flow.expand(client, {} as Facts);
  assert.ok(wanted);
  await flow.apply(
    hostOf(ovs, client, () => true),
    [{ kind: 'flow', name: 'ovsbr0', before: null, after: wanted.spec }],
    () => {},
  );
});
after(() => ovs.stop());

for (const on of ports)
  test(`from ${on} a packet comes out where it is promised to, addressed to whom it reaches, or nowhere`, async () => {
    await fc.assert(
      fc.asyncProperty(packetOn(on), async (packet) => {
        const may = allowed(packet);
        for (const { port, mac } of await through(packet)) {
          assert.equal(port, may, `${text(packet)} ${packet.state}`);
          assert.equal(mac, macs[port]);
        }
      }),
      { numRuns: 150 },
    );
  });

test('what is promised to pass does pass', async () => {
  const back = { state: 'trk,est,rpl', src: '8.8.8.8' };
  const ways: readonly (readonly [Packet, string])[] = [
    [from('internal_100', { dst: '8.8.8.8' }), 'internal_101'],
    [from('internal_100', { dst: ips['internal_101'] ?? '', protocol: 'ping' }), 'internal_101'],
    [from('internal_101', { dst: WARP.ip, dport: WARP.port }), 'internal_102'],
    [from('internal_101', { dst: ips['internal_102'] ?? '', protocol: 'ping' }), 'internal_102'],
    [from('internal_102', { dst: VPS.ip, dport: VPS.port, protocol: 'tcp' }), 'LOCAL'],
    [from('LOCAL', { dst: ips['internal_100'] ?? '', src: '198.51.100.9', dport: 51820 }), 'internal_100'],
    [from('LOCAL', { dst: ips['internal_102'] ?? '', dport: 1080, protocol: 'tcp' }), 'internal_102'],
    [
      from('LOCAL', {
        dst: ips['internal_100'] ?? '',
        src: '198.51.100.1',
        protocol: 'icmp',
        state: 'trk,rel',
        mark: 0xfffe0064,
      }),
      'internal_100',
    ],
    [from('internal_101', { ...back, dst: ips['internal_100'] ?? '', mark: 0x640065 }), 'internal_100'],
    [from('internal_102', { ...back, dst: ips['internal_101'] ?? '', mark: 0x650066 }), 'internal_101'],
    [from('LOCAL', { ...back, dst: ips['internal_102'] ?? '', mark: 0x66fffe }), 'internal_102'],
    [
      from('internal_100', {
        ...back,
        src: ips['internal_100'] ?? '',
        sport: 51820,
        dst: '198.51.100.9',
        mark: 0xfffe0064,
      }),
      'LOCAL',
    ],
  ];
  for (const [packet, port] of ways) {
    assert.equal(allowed(packet), port, text(packet));
    assert.deepEqual(await through(packet), [{ port, mac: macs[port] }], text(packet));
  }
});

test('what looks like something that passes does not', async () => {
  const closed: Readonly<Record<string, Packet>> = {
    'an answer of the published port that nobody asked for': from('internal_100', {
      sport: 51820,
      dst: '198.51.100.9',
    }),
    'an answer that conntrack knows under another pair': from('internal_100', { state: 'trk,est,rpl', mark: 0x640065 }),
    'a stranger to the published port with an address of the subnet': from('LOCAL', {
      src: '10.0.0.55',
      dst: '10.0.0.100',
      dport: 51820,
    }),
    'a stranger to the published port by another protocol': from('LOCAL', {
      src: '198.51.100.9',
      dst: '10.0.0.100',
      dport: 51820,
      protocol: 'tcp',
    }),
    'a stranger to another member': from('LOCAL', { src: '198.51.100.9', dst: '10.0.0.102', dport: 51820 }),
    'an ICMP error about a connection of the chain': from('LOCAL', {
      src: '198.51.100.9',
      dst: '10.0.0.100',
      protocol: 'icmp',
      state: 'trk,rel',
      mark: 0x640065,
    }),
    'a client that 101 forwards without masquerading': from('internal_101', { src: '10.0.0.100' }),
    '101 past its pin': from('internal_101', { dst: WARP.ip, dport: 443 }),
    '102 past its pin': from('internal_102', { dst: VPS.ip, dport: 80, protocol: 'tcp' }),
    '102 by UDP to its pin': from('internal_102', { dst: VPS.ip, dport: 443 }),
    '100 to the proxy': from('internal_100', { dst: '10.0.0.102', dport: 1080, protocol: 'tcp' }),
    '101 to the SOCKS port of 102': from('internal_101', { dst: '10.0.0.102', dport: 1080, protocol: 'tcp' }),
    '100 to a port of 101': from('internal_100', { dst: '10.0.0.101', dport: 22, protocol: 'tcp' }),
    '100 to the host': from('internal_100', { dst: '10.0.0.1' }),
    'the host astray': from('LOCAL', {}),
    'a TTL that ends here': from('internal_100', { ttl: 1 }),
  };
  for (const [name, packet] of Object.entries(closed)) assert.deepEqual(await through(packet), [], name);
});

test('IPv6, VLAN tags, fragments and forged ARP come out nowhere, and ARP reaches its target alone', async () => {
  const eth = `in_port=internal_100,dl_src=${macs['internal_100']},dl_dst=ff:ff:ff:ff:ff:ff`;
  const arp = (spa: string, sha: string, tpa: string): string =>
    `${eth},arp,arp_op=1,arp_spa=${spa},arp_sha=${sha},arp_tpa=${tpa}`;
  const own = macs['internal_100'] ?? '';
  const nowhere = [
    `${eth},udp6,ipv6_src=fe80::1,ipv6_dst=2001:db8::1,udp_dst=53`,
    `${eth},dl_vlan=7,udp,nw_src=10.0.0.100,nw_dst=8.8.8.8,nw_ttl=64`,
    ...['LOCAL', 'internal_102'].map(
      (port) =>
        `in_port=${port},dl_src=${macs[port]},dl_dst=ff:ff:ff:ff:ff:ff,udp,nw_src=${ips[port]},nw_dst=8.8.8.8,nw_ttl=64,nw_frag=later`,
    ),
    `${eth},dl_type=0x88cc`,
    arp('10.0.0.1', own, '10.0.0.101'),
    arp('10.0.0.100', macs['internal_101'] ?? '', '10.0.0.101'),
    arp('10.0.0.100', own, '10.0.0.55'),
    arp('10.0.0.100', own, '8.8.8.8'),
  ];
  for (const packet of nowhere) assert.deepEqual(await trace(ovs, 'ovsbr0', packet, 'trk,new'), [], packet);
  // A client's go where all of the client's go; 101's have no way on.
  const piece = (port: string): string =>
    `in_port=${port},dl_src=${macs[port]},dl_dst=ff:ff:ff:ff:ff:ff,udp,nw_src=${ips[port]},nw_dst=${WARP.ip},nw_ttl=64,nw_frag=later`;
  const next = { port: 'internal_101', mac: macs['internal_101'] };
  assert.deepEqual(await trace(ovs, 'ovsbr0', piece('internal_100'), 'trk,new'), [next]);
  assert.deepEqual(await trace(ovs, 'ovsbr0', piece('internal_101'), 'trk,new'), []);
  for (const port of ports.filter((one) => one !== 'internal_100')) {
    const outputs = await trace(ovs, 'ovsbr0', arp('10.0.0.100', own, ips[port] ?? ''), 'trk,new');
    assert.deepEqual(
      outputs.map((output) => output.port),
      [port],
    );
  }
});

test('deleting a port adds no output anywhere', async () => {
  const packets = fc.sample(anyPacket, 200).filter(({ on }) => on !== 'internal_101');
  const was = new Map<Packet, readonly Output[]>();
  for (const packet of packets) was.set(packet, await through(packet));
  await run(ovs.run, ['ovs-vsctl', 'del-port', 'ovsbr0', 'internal_101']);
  try {
    for (const [packet, outputs] of was) {
      const left = outputs.filter(({ port }) => port !== 'internal_101');
      assert.deepEqual(await through(packet), left, text(packet));
    }
  } finally {
    await run(ovs.run, ['ovs-vsctl', ...addPort(client, 'ovsbr0', 'internal_101')] as unknown as ['ovs-vsctl']);
  }
});
