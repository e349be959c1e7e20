// Host states for the laws: none, a gateway, another peer, two interfaces in two containers. The keys are examples.

import type { Resource } from '../../core/resource.ts';
import { type Inside } from '../inside.ts';

const tunnel = (container: string, device: string, spec: Partial<Inside> = {}): Resource<Inside> => ({
  kind: 'tunnel',
  name: `${container}/wg-quick@${device}`,
  spec: {
    container,
    order: 2,
    unit: `wg-quick@${device}`,
    files: { [`/etc/wireguard/${device}.conf`]: { mode: 0o600, text: '[Interface]\nListenPort = 51820\n' } },
    check: ['wg-quick', 'strip', `/etc/wireguard/${device}.conf`],
    reload: '10.99.0.1/24',
    active: true,
    ...spec,
  },
});

const key = { '/etc/wireguard/private.key': { mode: 0o600, text: 'an example\n' } };
const warp = {
  order: 1,
  reload: null,
  files: { '/etc/wireguard/wg-warp.conf': { mode: 0o600, text: 'Table = off\n' } },
};

/** The containers that must exist. */
export const containers = ['wireguard-gateway', 'warp-tunnel'];

export const samples: readonly (readonly Resource<Inside>[])[] = [
  [],
  [tunnel('wireguard-gateway', 'wg0')],
  [tunnel('wireguard-gateway', 'wg0', { files: key, active: false })],
  [tunnel('wireguard-gateway', 'wg0', { files: { ...key } }), tunnel('wireguard-gateway', 'wg1')],
  [tunnel('wireguard-gateway', 'wg1'), tunnel('warp-tunnel', 'wg-warp', warp)],
  [tunnel('warp-tunnel', 'wg-warp', { ...warp, leaves: { 'wg-warp': { sizes: [256, 1280], single: true } } })],
  [tunnel('warp-tunnel', 'wg-warp', { ...warp, leaves: { 'wg-warp': { sizes: [1280], single: true } } })],
];
