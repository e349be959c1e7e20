// Host states for the laws: none, the host alone, a chain, the chain with another uplink, a VPS.

import type { Resource } from '../../core/resource.ts';
import { expand } from './expand.ts';
import { client, member, vps as server } from '../../core/topology/fixture.ts';
import { facts } from './fixture.ts';
import type { Spec } from './schema.ts';

export const samples: readonly (readonly Resource<Spec>[])[] = [
  [],
  expand({ ...client, members: [member(105, 'web-server', {})], published: [], exits: [] }, facts),
  expand(client, facts),
  expand(client, { ...facts, uplink: 'wlan0' }),
  expand(server, facts),
];
