// Faults: root of a container sends what it likes, past its own filter, by raw frames. The switch and the host have to hold.

import { HOME, TARGET, VPS } from '../topology.ts';
import type { Family, Fault } from './fault.ts';
import { arp, BROADCAST, ethernet, far, ipv4, ipv6, toGateway, udp, word } from './frame.ts';
import { ip, mac, type Member, MEMBERS } from './judge.ts';
import { openAll } from './opening.ts';
import type { Site } from './site.ts';

/** Frames of one hostile container: `from` is which, `data` is found again wherever it gets. */
type Craft = (from: Member, data: Buffer, site: Site) => readonly Buffer[];

const others = (from: Member): readonly Member[] => MEMBERS.filter((id) => id !== from);

function hostile(name: string, why: string, from: Member, craft: Craft): Fault {
  return {
    name: `${from}, hostile: ${name}`,
    why,
    fault: async (site) => {
      const data = Buffer.concat([Buffer.from(site.words.hostile), site.random.bytes(site.random.between(0, 60))]);
      await site.send(from, craft(from, data, site));
    },
    protection: openAll,
    sees: /: a hostile container's: |^port \d+: arp /,
    mend: 'itself',
    over: true,
  };
}

const pinned = "the switch pins each port's MAC and address";

const spoofedMac: Craft = (from, data) =>
  [...others(from).map(mac), mac(1), '02:00:00:00:00:01', '01:00:5e:00:00:01'].flatMap((source) => [
    ethernet(source, mac(1), 0x0800, far(from, TARGET.ip, data)),
    ethernet(source, mac(others(from)[0] ?? 100), 0x0800, far(from, TARGET.ip, data)),
  ]);

const spoofedIp: Craft = (from, data) =>
  [...others(from).map(ip), ip(1), '10.0.0.77', '192.168.50.2', HOME.uplink, TARGET.ip, '127.0.0.1', '0.0.0.0'].map(
    (source) => toGateway(from, ipv4({ from: source, to: VPS, payload: udp(40_000, 443, data) })),
  );

const poison: Craft = (from) =>
  [1, ...others(from)].flatMap((victim) => {
    const address = `10.0.0.${victim}`;
    return [1, 2].flatMap((operation) =>
      [1, ...others(from)].map((to) =>
        ethernet(mac(from), BROADCAST, 0x0806, arp(operation === 1 ? 1 : 2, mac(from), address, `10.0.0.${to}`)),
      ),
    );
  });

const link = 'fe80000000000000000000fffe000001';
const everybody = 'ff020000000000000000000000000001';
const version6: Craft = (from, data) => {
  const target = '2a044e42005000000000000000000010';
  const advertisement = Buffer.concat([Buffer.from([134, 0, 0, 0, 64, 0, 7, 8]), Buffer.alloc(8), data]);
  return [
    ethernet(mac(from), BROADCAST, 0x86dd, ipv6(link, everybody, 58, advertisement)),
    ethernet(mac(from), mac(1), 0x86dd, ipv6('2a010e0a005000010000000000000066', target, 17, udp(40_000, 7, data))),
    ethernet(mac(from), BROADCAST, 0x86dd, ipv6(link, everybody, 17, udp(5353, 5353, data))),
    // IPv6 inside IPv4, and as Teredo does.
    toGateway(from, ipv4({ from: ip(from), to: TARGET.ip, protocol: 41, payload: ipv6(link, target, 59, data) })),
    toGateway(from, far(from, TARGET.ip, ipv6(link, target, 59, data), 3544, 3544)),
  ];
};

const dhcp: Craft = (from, data) =>
  (
    [
      [68, 67],
      [67, 68],
    ] as const
  ).map(([source, destination]) => {
    const body = Buffer.concat([
      Buffer.from([1, 1, 6, 0]),
      Buffer.alloc(232),
      Buffer.from('63825363350101ff', 'hex'),
      data,
    ]);
    const packet = ipv4({ from: '0.0.0.0', to: '255.255.255.255', payload: udp(source, destination, body) });
    return ethernet(mac(from), BROADCAST, 0x0800, packet);
  });

/** One datagram in two; a first, a middle and a last one without the others (the offset counts eights of bytes). */
const fragments: Craft = (from, data) => {
  const whole = udp(40_000, 7, data);
  const parts = [
    { fragment: 0x2000, payload: whole.subarray(0, 32) },
    { fragment: 4, payload: whole.subarray(32) },
    ...[0x2010, 0x2015, 0x0019].map((fragment) => ({ fragment, payload: data })),
  ];
  return parts.map((part) => toGateway(from, ipv4({ from: ip(from), to: TARGET.ip, ...part })));
};

/** Loose and strict source route, record route, timestamp (RFC 791 §3.1), by the VPS to target. */
const sourceRoutes: Craft = (from, data) =>
  [131, 137, 7].map((kind) => {
    const options = Buffer.concat([Buffer.from([kind, 7, 4, ...TARGET.ip.split('.').map(Number)]), Buffer.from([0])]);
    return toGateway(from, ipv4({ from: ip(from), to: VPS, options, payload: udp(40_000, 7, data) }));
  });

const tags: Craft = (from, data) =>
  [0x8100, 0x88a8].flatMap((kind) =>
    [0, 1, 100].map((tag) =>
      ethernet(mac(from), mac(1), kind, Buffer.concat([word(tag), word(0x0800), far(from, TARGET.ip, data)])),
    ),
  );

const protocols: Craft = (from, data) =>
  Array.from({ length: 256 }, (_, protocol) =>
    toGateway(from, ipv4({ from: ip(from), to: TARGET.ip, protocol, payload: data })),
  );

const strangeTypes: Craft = (from, data) =>
  [0x88cc, 0x8863, 0x8847, 0x88b5, 0x0842, 0x0027].map((type) => ethernet(mac(from), BROADCAST, type, data));

const straight: Craft = (from, data) => [
  toGateway(from, far(from, TARGET.ip, data)),
  toGateway(from, far(from, '9.9.9.9', data, 40_000, 53)),
  toGateway(
    from,
    ipv4({
      from: ip(from),
      to: TARGET.ip,
      protocol: 1,
      payload: Buffer.concat([Buffer.from([8, 0, 0, 0, 0, 1, 0, 1]), data]),
    }),
  ),
  toGateway(from, far(from, VPS, data, 40_000, 443)),
  toGateway(from, far(from, HOME.uplink, data)),
  toGateway(from, far(from, '192.168.50.2', data)),
];

const neighbours: Craft = (from, data) =>
  others(from).flatMap((to) => [
    ethernet(mac(from), mac(to), 0x0800, ipv4({ from: ip(from), to: ip(to), payload: udp(40_000, 1080, data) })),
    ethernet(mac(from), mac(to), 0x0800, far(from, TARGET.ip, data)),
  ]);

/** As if WireGuard answered a client outside, in clear. */
const port51820: Craft = (from, data) =>
  [TARGET.ip, '192.168.50.2', '9.9.9.9', VPS].map((to) => toGateway(from, far(from, to, data, 51_820, 40_000)));

export const hostiles: Family = {
  name: 'hostile container',
  faults: [
    hostile('others’ MACs', pinned, 102, spoofedMac),
    hostile('others’ addresses', pinned, 102, spoofedIp),
    hostile('ARP for others', 'ARP is let in with the port’s own MAC and address alone', 101, poison),
    hostile('IPv6 and router advertisements', 'no IPv6 passes the switch', 102, version6),
    hostile('DHCP', 'broadcasts and addresses of nobody are dropped', 101, dhcp),
    hostile('fragments', 'a fragment is dropped: it hides its ports', 102, fragments),
    hostile('source routes', 'the switch and the host go by the destination, and it is pinned', 102, sourceRoutes),
    hostile('VLAN tags', 'a tagged frame is dropped', 102, tags),
    hostile('all 256 protocols', 'from 102 TCP to the VPS alone', 102, protocols),
    hostile('all 256 protocols', "from 101 UDP to WARP's endpoint alone", 101, protocols),
    hostile('LLDP, PPPoE and other types', 'what is neither ARP nor IPv4 is dropped', 101, strangeTypes),
    hostile('straight to the gateway', 'from 102 TCP to the VPS alone', 102, straight),
    hostile('straight to the gateway', "from 101 UDP to WARP's endpoint alone", 101, straight),
    hostile('straight to its neighbours', 'who may open to whom is a list', 102, neighbours),
    hostile('straight past WARP', 'what 100 sends to outside is addressed anew to 101', 100, (from, data) =>
      [102].map(() => ethernet(mac(from), mac(102), 0x0800, far(from, TARGET.ip, data))),
    ),
    hostile('from port 51820', 'a published port only answers', 100, port51820),
    hostile('from port 51820', 'a published port is 100’s alone', 101, port51820),
  ],
};
