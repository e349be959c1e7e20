// The host forwards when something leaves by its uplink or comes in by it; a host without that is left as it is.

import type { Expand } from '../../core/topology.ts';
import type { Spec } from './schema.ts';

export const expand: Expand<Spec> = ({ exits, published }) =>
  exits.length + published.length === 0 ? [] : [{ kind: 'sysctl', name: 'net.ipv4.ip_forward', spec: { value: '1' } }];
