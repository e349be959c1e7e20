// Host states for the laws: none, one, the alias of the WARP container, a veth.

import type { Resource } from '../../core/resource.ts';
import type { Spec } from './schema.ts';

const port = (name: string, spec: Partial<Spec> = {}): Resource<Spec> => ({
  kind: 'port',
  name,
  spec: { bridge: 'ovsbr0', row: name, type: 'internal', ofport: 32868, mac: '02:0a:00:01:00:64', ...spec },
});

const warp = { row: 'wg-warp', ofport: 32869, mac: '02:0a:00:01:00:65' };

export const samples: readonly (readonly Resource<Spec>[])[] = [
  [],
  [port('internal_100')],
  [port('internal_100', { mac: '02:0a:00:01:00:77' }), port('internal_101', warp)],
  [port('internal_101', { ...warp, row: 'warp' }), port('veth105', { type: 'system', mac: null, ofport: 32873 })],
];
