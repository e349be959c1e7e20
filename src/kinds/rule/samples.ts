// Host states for the laws: none, a host that forwards for us alone, one that forwarded before, one with two bridges.

import type { Resource } from '../../core/resource.ts';
import { client, member } from '../../core/topology/fixture.ts';
import type { Facts, Topology } from '../../core/topology.ts';
import { expand } from './expand.ts';
import type { Spec } from './schema.ts';

const facts: Facts = {
  uplink: 'eth0',
  datapath: 'netdev',
  nameservers: [],
  netmaker: null,
  proxy: { program: 'v2ray' },
  shaper: null,
  files: {},
  forwards: true,
  backend: 'lxc',
  strangers: [],
};
const two: Topology = { ...client, members: [...client.members, member(104, 'app-server', { bridge: 'mesh' })] };

export const samples: readonly (readonly Resource<Spec>[])[] = [
  [],
  expand(client, { ...facts, forwards: false }),
  expand(client, facts),
  expand(two, facts),
];
