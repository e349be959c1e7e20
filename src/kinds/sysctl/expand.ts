// The host forwards when something leaves by its uplink or comes in by it; a host without that is left as it is.

import type { Expand } from '../../core/topology.ts';
import type { Spec } from './schema.ts';

/**
 * A packet's mark counts also where the kernel looks whether its sender is where it comes from (rp_filter, off or on):
 * kind `rule` shuts the way of what carries no mark, and without this that would be every answer's.
 */
const mark = { kind: 'sysctl', name: 'net.ipv4.conf.all.src_valid_mark', spec: { value: '1' } };
const forward = { kind: 'sysctl', name: 'net.ipv4.ip_forward', spec: { value: '1' } };

export const expand: Expand<Spec> = ({ exits, published }) =>
  exits.length + published.length === 0 ? [] : [mark, forward];
