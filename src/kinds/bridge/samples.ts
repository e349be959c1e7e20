// Host states for the laws: none, one, changed, two.

import type { Resource } from '../../core/resource.ts';
import type { Spec } from './schema.ts';

const bridge = (name: string, spec: Partial<Spec> = {}): Resource<Spec> => ({
  kind: 'bridge',
  name,
  spec: { datapath: 'netdev', mac: '02:0a:00:00:00:01', address: '10.0.0.1/24', ...spec },
});

export const samples: readonly (readonly Resource<Spec>[])[] = [
  [],
  [bridge('ovsbr0')],
  [bridge('ovsbr0', { address: null })],
  [bridge('ovsbr0', { address: '10.1.0.1/16', mac: '02:0a:00:00:00:02' }), bridge('mesh', { address: null })],
];
