// Host states for the laws: none, one, stopped, another address, two.

import type { Resource } from '../../core/resource.ts';
import type { Spec } from './schema.ts';

const container = (name: string, spec: Partial<Spec> = {}): Resource<Spec> => ({
  kind: 'container',
  name,
  spec: {
    id: 100,
    template: 'debian-12',
    autostart: true,
    bridge: 'ovsbr0',
    mode: 'socket',
    port: { row: 'internal_100', device: 'internal_100', ofport: 32868 },
    mac: '02:0a:00:01:00:64',
    address: '10.0.0.100/24',
    gateway: '10.0.0.1',
    sysctl: { 'net.ipv4.ip_forward': '1' },
    nameservers: [],
    binds: {},
    order: 0,
    running: true,
    attached: true,
    ...spec,
  },
});

const second = { id: 105, mode: 'veth', port: { row: 'veth105', device: 'veth105', ofport: 32873 }, order: 1 } as const;

export const samples: readonly (readonly Resource<Spec>[])[] = [
  [],
  [container('wireguard-gateway')],
  [container('wireguard-gateway', { running: false, autostart: false })],
  [container('wireguard-gateway', { address: '10.0.0.110/24' }), container('web-server', second)],
];
