// A port for each member of a bridge.

import type { Expand } from '../../core/topology.ts';
import type { Spec } from './schema.ts';

export const expand: Expand<Spec> = (topology) =>
  topology.members.map(({ bridge, port, mode, mac }) => ({
    kind: 'port',
    name: port.device,
    spec: {
      bridge,
      row: port.row,
      type: mode === 'socket' ? 'internal' : 'system',
      ofport: port.ofport,
      mac: mode === 'socket' ? mac : null,
    },
  }));
