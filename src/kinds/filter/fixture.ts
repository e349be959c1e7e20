// Topologies for this kind's tests and samples: the specification's two privacy profiles, and variations of them.

import type { Facts, Member, Topology } from '../../core/topology.ts';

const vps = { ip: '203.0.113.30', port: 443 };
const warp = { ip: '162.159.192.1', port: 2408 };

export const facts: Facts = {
  uplink: 'eth0',
  datapath: 'netdev',
  forwards: false,
  nameservers: ['192.168.1.53', '9.9.9.9'],
  proxy: { program: 'v2ray' },
  files: {},
};

export const client: Topology = {
  level: 3,
  securityFlows: true,
  bridges: [
    {
      name: 'ovsbr0',
      address: { ip: '10.0.0.1', prefix: 24 },
      subnet: '10.0.0.0/24',
      mac: '02:0a:00:00:00:01',
      chain: true,
    },
  ],
  members: [
    member(100, 'wireguard-gateway', {
      role: 'gateway',
      next: 101,
      order: 2,
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
      next: 102,
      order: 1,
      port: { row: 'wg-warp', device: 'internal_101', ofport: 101 },
      pin: { protocol: 'udp', to: warp },
      warp: {
        interface: 'wg-warp',
        address: '10.99.1.2/32',
        private_key_file: '/etc/wireguard/warp-private.key',
        endpoint: 'engage.cloudflareclient.com:2408',
        public_key: 'W',
        resolved: warp,
      },
    }),
    member(102, 'xray-client', {
      role: 'proxy-client',
      next: 'host',
      pin: { protocol: 'tcp', to: vps },
      xray: {
        inbound: { port: 1080, protocol: 'socks' },
        outbound: { protocol: 'vmess', server: 'vps.example.net', port: 443, id: 'U', alterId: 0, security: 'auto' },
        resolved: vps,
      },
    }),
  ],
  flows: [],
  published: [{ protocol: 'udp', port: 51820, to: '10.0.0.100', from: 'lan' }],
  exits: [{ ip: '10.0.0.102', pin: { protocol: 'tcp', to: vps } }],
};

export const server: Topology = {
  ...client,
  level: 2,
  members: [
    member(100, 'xray-server', {
      role: 'proxy-server',
      next: 'host',
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
  published: [{ protocol: 'tcp', port: 443, to: '10.0.0.100', from: 'anywhere' }],
  exits: [{ ip: '10.0.0.100', pin: null }],
};

export function member(id: number, name: string, what: Partial<Member>): Member {
  return {
    id,
    name,
    template: 'debian-12',
    autostart: true,
    role: 'plain',
    bridge: 'ovsbr0',
    mode: 'socket',
    port: { row: `internal_${id}`, device: `internal_${id}`, ofport: id },
    device: `internal_${id}`,
    mac: `02:0a:00:01:00:${id.toString(16)}`,
    address: { ip: `10.0.0.${id}`, prefix: 24 },
    gateway: '10.0.0.1',
    next: null,
    order: 0,
    pin: null,
    policy: null,
    wireguard: {},
    warp: null,
    xray: null,
    ...what,
  };
}
