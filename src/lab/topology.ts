// The lab's hosts, links, addresses and names. Plain data: network.ts, the servers and the proofs all read it from here.
//
//                                      ┌────────────────────── inet ──────────────────────┐
//                                      │ router · DNS on 1.1.1.1 and 9.9.9.9              │
//                                      └─┬───────────────┬────────────┬───────────────┬───┘
//            LAN 192.168.50.0/24         │ 82.64.20.0/24 │            │               │
//  ┌──────────────┐       ┌──────────────┴──┐     ┌──────┴──────┐  ┌──┴────────────┐ ┌┴─────────────────┐
//  │ client       │       │ home            │     │ vps         │  │ warp          │ │ target           │
//  │ eth0 .2      ├───────┤ lan0 .1         │     │ 95.216.30.2 │  │ 162.159.192.1 │ │ 151.101.50.10    │
//  │ wg0 by       │       │ eth0 82.64.20.2 │     │ OVS + LXC   │  │ WireGuard     │ │ ifconfig.me      │
//  │ client.conf  │       │ OVS + LXC       │     │ privacy-vps │  │ peer, NAT to  │ │ http https, UDP  │
//  │              │       │ privacy-client  │     │             │  │ 104.28.10.10, │ │ echo on port 7   │
//  │              │       │                 │     │             │  │ cdn-cgi/trace │ │                  │
//  └──────────────┘       └─────────────────┘     └─────────────┘  └───────────────┘ └──────────────────┘
//
// Each host is a process tree with namespaces of its own; each line is a veth pair. None leads to the real machine.
// client, home and target also have IPv6, so that a leak of it has somewhere to go.

export const HOSTS = ['inet', 'target', 'warp', 'vps', 'home', 'client'] as const;
export type HostName = (typeof HOSTS)[number];

/** Hosts that have an Open vSwitch of their own. */
export const SWITCHED = ['home', 'vps'] as const satisfies readonly HostName[];

export const HOME = { lan: '192.168.50.1', uplink: '82.64.20.2' } as const;
export const VPS = '95.216.30.2';
export const TARGET = { ip: '151.101.50.10', ip6: '2a04:4e42:50::10', echo: 7 } as const;
export const RESOLVERS = ['9.9.9.9', '1.1.1.1'] as const;

export const WARP = {
  /** Where its WireGuard peer answers: engage.cloudflareclient.com. */
  endpoint: '162.159.192.1',
  port: 2408,
  /** Its own and the device's address inside the tunnel. */
  inner: '10.99.1.1',
  device: '10.99.1.2',
  /** The address its clients leave from. */
  exit: '104.28.10.10',
  /** www.cloudflare.com, which answers cdn-cgi/trace. */
  site: '104.16.132.229',
} as const;

/** What the lab's DNS knows; names below `target.example.net` lead to it as well. */
export const NAMES: Readonly<Record<string, string>> = {
  'ifconfig.me': TARGET.ip,
  'target.example.net': TARGET.ip,
  'vps.example.net': VPS,
  'home.example.net': HOME.uplink,
  'engage.cloudflareclient.com': WARP.endpoint,
  'www.cloudflare.com': WARP.site,
  'cloudflare.com': WARP.site,
  'one.one.one.one': '1.1.1.1',
  'dns.quad9.net': '9.9.9.9',
};

export type Link = {
  readonly host: HostName;
  readonly device: string;
  /** Addresses with prefix. */
  readonly addresses: readonly string[];
  /** The other end. */
  readonly peer: { readonly host: HostName; readonly device: string; readonly addresses: readonly string[] };
  /** Default gateways of `host` by this link. */
  readonly via: readonly string[];
  /** Further destinations that `peer.host` reaches by `host`: destination and next hop. */
  readonly routed: Readonly<Record<string, string>>;
};

const router = (device: string, ...addresses: string[]) => ({ host: 'inet', device, addresses }) as const;

export const LINKS: readonly Link[] = [
  {
    host: 'home',
    device: 'eth0',
    addresses: [`${HOME.uplink}/24`, '2a01:e0a:50::2/64'],
    peer: router('home', '82.64.20.1/24', '2a01:e0a:50::1/64'),
    via: ['82.64.20.1', '2a01:e0a:50::1'],
    routed: { '2a01:e0a:50:1::/64': '2a01:e0a:50::2' },
  },
  {
    host: 'client',
    device: 'eth0',
    addresses: ['192.168.50.2/24', '2a01:e0a:50:1::2/64'],
    peer: { host: 'home', device: 'lan0', addresses: [`${HOME.lan}/24`, '2a01:e0a:50:1::1/64'] },
    via: [HOME.lan, '2a01:e0a:50:1::1'],
    routed: {},
  },
  {
    host: 'vps',
    device: 'eth0',
    addresses: [`${VPS}/24`],
    peer: router('vps', '95.216.30.1/24'),
    via: ['95.216.30.1'],
    routed: {},
  },
  {
    host: 'warp',
    device: 'eth0',
    addresses: [`${WARP.endpoint}/24`, `${WARP.exit}/32`, `${WARP.site}/32`],
    peer: router('warp', '162.159.192.254/24'),
    via: ['162.159.192.254'],
    routed: { [`${WARP.exit}/32`]: WARP.endpoint, [`${WARP.site}/32`]: WARP.endpoint },
  },
  {
    host: 'target',
    device: 'eth0',
    addresses: [`${TARGET.ip}/24`, `${TARGET.ip6}/64`],
    peer: router('target', '151.101.50.1/24', '2a04:4e42:50::1/64'),
    via: ['151.101.50.1', '2a04:4e42:50::1'],
    routed: {},
  },
];

/**
 * Kernel settings of each host's network namespace, below /proc/sys/net; a new namespace may inherit the machine's. Without
 * them IPv6 would take seconds to find out that its addresses are its own, and would look for routers that aren't there.
 */
export function sysctls(host: HostName): readonly string[] {
  const forwards = host === 'inet' || host === 'warp' ? 1 : 0;
  return [
    `ipv4/ip_forward=${forwards}`,
    `ipv6/conf/all/forwarding=${forwards}`,
    ...['accept_dad', 'router_solicitations', 'accept_ra'].map((key) => `ipv6/conf/default/${key}=0`),
  ];
}
