// The state's bridges as resources.

import type { Expand } from '../../core/topology.ts';
import type { Spec } from './schema.ts';

export const expand: Expand<Spec> = (topology, facts) =>
  topology.bridges.map((bridge) => ({
    kind: 'bridge',
    name: bridge.name,
    spec: {
      datapath: facts.datapath,
      mac: bridge.mac,
      address: bridge.address === null ? null : `${bridge.address.ip}/${bridge.address.prefix}`,
    },
  }));
