// Topologies for this folder's tests, written by hand: the three profiles and one with everything.

import type { Bridge, Member, Topology } from '../../core/topology.ts';

const ovsbr0: Bridge = {
  name: 'ovsbr0',
  address: { ip: '10.0.0.1', prefix: 24 },
  subnet: '10.0.0.0/24',
  mac: '02:0a:00:00:00:01',
  chain: true,
};

function member(id: number, name: string, more: Partial<Member>): Member {
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
    wireguard: {},
    warp: null,
    xray: null,
    ...more,
  };
}

const policy = (name: string): Member['policy'] => ({ name, table: 10, priority: 1000 });

export const VPS = { ip: '203.0.113.30', port: 443 };
export const WARP = { ip: '203.0.113.20', port: 2408 };

const chain: readonly Member[] = [
  member(100, 'wireguard-gateway', { role: 'gateway', next: 101, order: 2, policy: policy('wireguard-to-warp') }),
  member(101, 'warp-tunnel', {
    role: 'warp',
    port: { row: 'wg-warp', device: 'internal_101', ofport: 32869 },
    next: 102,
    order: 1,
    pin: { protocol: 'udp', to: WARP },
    policy: policy('warp-to-xray'),
  }),
  member(102, 'xray-client', {
    role: 'proxy-client',
    next: 'host',
    pin: { protocol: 'tcp', to: VPS },
    policy: policy('xray-to-internet'),
  }),
];

export const client: Topology = {
  level: 3,
  securityFlows: true,
  bridges: [ovsbr0],
  members: chain,
  flows: [],
  published: [{ protocol: 'udp', port: 51820, to: '10.0.0.100', from: 'lan' }],
  exits: [{ ip: '10.0.0.102', pin: { protocol: 'tcp', to: VPS } }],
};

export const vps: Topology = {
  level: 2,
  securityFlows: true,
  bridges: [ovsbr0],
  members: [
    member(100, 'xray-server', { role: 'proxy-server', next: 'host', policy: policy('xray-server-forwarding') }),
  ],
  flows: [],
  published: [{ protocol: 'tcp', port: 443, to: '10.0.0.100', from: 'anywhere' }],
  exits: [{ ip: '10.0.0.100', pin: null }],
};

export const none: Topology = {
  level: 1,
  securityFlows: true,
  bridges: [{ ...ovsbr0, address: null, subnet: null, chain: false }],
  members: [],
  flows: [],
  published: [],
  exits: [],
};

/** The chain at level 1 with a plain veth container beside it, flows of the file's own, and a bridge without a chain. */
export const mixed: Topology = {
  ...client,
  level: 1,
  bridges: [
    ovsbr0,
    {
      name: 'mesh',
      address: { ip: '10.1.0.1', prefix: 24 },
      subnet: '10.1.0.0/24',
      mac: '02:0a:00:00:00:02',
      chain: false,
    },
  ],
  members: [
    ...chain,
    member(104, 'app-server', {
      bridge: 'mesh',
      mode: 'veth',
      port: { row: 'veth104', device: 'veth104', ofport: 32872 },
      device: 'eth0',
      address: { ip: '10.1.0.104', prefix: 24 },
      gateway: '10.1.0.1',
    }),
    member(105, 'web-server', {
      mode: 'veth',
      port: { row: 'veth105', device: 'veth105', ofport: 32873 },
      device: 'eth0',
    }),
  ],
  flows: [
    { bridge: 'ovsbr0', table: 10, priority: 1500, match: 'udp,in_port=internal_100,udp_dst=1900', actions: 'drop' },
    { bridge: 'ovsbr0', table: 12, priority: 1000, match: 'tcp,in_port=veth105,tcp_dst=443', actions: 'normal' },
    {
      bridge: 'ovsbr0',
      table: 10,
      priority: 1200,
      match: 'nw_dst=198.51.100.7/24,ip,in_port=internal_100',
      actions: 'output:wg-warp',
    },
    { bridge: 'mesh', table: 10, priority: 1000, match: 'tcp,tp_dst=25', actions: 'drop' },
  ],
};

/** By the name of its golden case. */
export const topologies: Readonly<Record<string, Topology>> = {
  'privacy-client': client,
  'privacy-vps': vps,
  none,
  mixed,
};
