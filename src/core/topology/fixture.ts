// Topologies for tests and samples, written by hand: the specification's three profiles.

import type { Bridge, Member, Topology, UserFlow } from '../topology.ts';

export const ovsbr0: Bridge = {
  name: 'ovsbr0',
  address: { ip: '10.0.0.1', prefix: 24 },
  subnet: '10.0.0.0/24',
  mac: '02:0a:00:00:00:01',
  chain: true,
};

/** A plain container, but for what `more` says. */
export function member(id: number, name: string, more: Partial<Member>): Member {
  const hex = id.toString(16).padStart(4, '0');
  return {
    id,
    name,
    template: 'debian-12',
    autostart: true,
    role: 'plain',
    bridge: 'ovsbr0',
    mode: 'socket',
    port: { row: `internal_${id}`, device: `internal_${id}`, ofport: 32768 + id },
    device: `internal_${id}`,
    mac: `02:0a:00:01:${hex.slice(0, 2)}:${hex.slice(2)}`,
    address: { ip: `10.0.0.${id}`, prefix: 24 },
    gateway: '10.0.0.1',
    next: null,
    order: 0,
    pin: null,
    policy: null,
    overridden: [],
    netmaker: false,
    discovered: false,
    wireguard: {},
    warp: null,
    xray: null,
    shaper: null,
    ...more,
  };
}

function policy(name: string, index: number): Member['policy'] {
  return { name, table: 10, priority: 1000, cookie: null, place: `flow_policies[${index}] "${name}"` };
}

/** A flow of the file without cookie and timeouts, but for what `more` says. */
export function userFlow(more: Partial<UserFlow>): UserFlow {
  const place = { bridge: 'ovsbr0', table: 10, priority: 1000, place: 'bridges[0].flows[0]' };
  return { ...place, match: '', actions: 'drop', cookie: null, idleTimeout: null, hardTimeout: null, ...more };
}

export const VPS = { ip: '203.0.113.30', port: 443 };
export const WARP = { ip: '162.159.192.1', port: 2408 };

export const chain: readonly Member[] = [
  member(100, 'wireguard-gateway', {
    role: 'gateway',
    next: 101,
    order: 2,
    policy: policy('wireguard-to-warp', 0),
    wireguard: {
      wg0: {
        address: '10.99.0.1/24',
        listen_port: 51820,
        listen_from: 'lan',
        private_key_file: '/etc/wireguard/private.key',
        peers: [{ public_key: 'K', allowed_ips: ['10.99.0.0/24'] }],
      },
    },
  }),
  member(101, 'warp-tunnel', {
    role: 'warp',
    port: { row: 'wg-warp', device: 'internal_101', ofport: 32869 },
    next: 102,
    order: 1,
    pin: { protocol: 'udp', to: WARP },
    policy: policy('warp-to-xray', 1),
    warp: {
      interface: 'wg-warp',
      address: '10.99.1.2/32',
      private_key_file: '/etc/wireguard/warp-private.key',
      endpoint: 'engage.cloudflareclient.com:2408',
      public_key: 'W',
      resolved: WARP,
    },
  }),
  member(102, 'xray-client', {
    role: 'proxy-client',
    next: 'host',
    pin: { protocol: 'tcp', to: VPS },
    policy: policy('xray-to-internet', 2),
    xray: {
      inbound: { port: 1080, protocol: 'socks' },
      outbound: { protocol: 'vmess', server: 'vps.example.net', port: 443, id: 'U', alterId: 0, security: 'auto' },
      resolved: VPS,
    },
  }),
];

export const client: Topology = {
  level: 3,
  securityFlows: true,
  padding: { warp: [], clients: null },
  bridges: [ovsbr0],
  members: chain,
  discovered: [],
  flows: [],
  meters: [],
  published: [{ protocol: 'udp', port: 51820, to: '10.0.0.100', from: 'lan' }],
  exits: [{ ip: '10.0.0.102', pin: { protocol: 'tcp', to: VPS } }],
  units: [],
  properties: [],
};

export const vps: Topology = {
  level: 2,
  securityFlows: true,
  padding: { warp: [], clients: null },
  bridges: [ovsbr0],
  members: [
    member(100, 'xray-server', {
      role: 'proxy-server',
      next: 'host',
      policy: policy('xray-server-forwarding', 0),
      xray: {
        inbound: {
          port: 443,
          protocol: 'vmess',
          settings: { clients: [{ id: 'U', alterId: 0 }] },
          streamSettings: {
            network: 'tcp',
            security: 'tls',
            tlsSettings: { certificates: [{ certificateFile: '/etc/xray/cert.pem', keyFile: '/etc/xray/key.pem' }] },
          },
        },
        outbound: { protocol: 'freedom' },
        resolved: null,
      },
    }),
  ],
  discovered: [],
  flows: [],
  meters: [],
  published: [{ protocol: 'tcp', port: 443, to: '10.0.0.100', from: 'anywhere' }],
  exits: [{ ip: '10.0.0.100', pin: null }],
  units: [],
  properties: [],
};

export const none: Topology = {
  level: 1,
  securityFlows: true,
  padding: { warp: null, clients: null },
  bridges: [{ ...ovsbr0, address: null, subnet: null, chain: false }],
  members: [],
  discovered: [],
  flows: [],
  meters: [],
  published: [],
  exits: [],
  units: [],
  properties: [],
};
