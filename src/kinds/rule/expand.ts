// What the host's filter has not marked is not forwarded (ip-rule(8)): also not when somebody has flushed the filter.

import type { Expand } from '../../core/topology.ts';
import { passMark } from '../mark.ts';
import type { Spec } from './schema.ts';
import { sorted } from './text.ts';

/**
 * Right after the rule of local delivery, before everybody else's. They only shut: what is marked goes on to the rules
 * that the host has. `blackhole` and not `prohibit`: an ICMP error would quote the packet, and a sender is easily forged.
 */
export const expand: Expand<Spec> = ({ members }, { forwards }) => {
  const bridges = [...new Set(members.map(({ bridge }) => bridge))];
  if (bridges.length === 0) return [];
  const from = (match: string) => bridges.map((bridge) => `priority 3 ${match}iif ${bridge} blackhole`);
  return [
    { kind: 'rule', name: 'ipv4', spec: { rules: sorted(forwards ? from(`fwmark 0/${passMark} `) : all) } },
    // The filter lets no IPv6 of ours through, so none is ever marked.
    { kind: 'rule', name: 'ipv6', spec: { rules: sorted(from('')) } },
  ];
};

/**
 * Everything that is forwarded, for a host that forwards for our bridges alone (decision 002). Were `nop` gone, the jump
 * would not be made, and all that is forwarded be shut; the host's own packets come from `lo`. Local delivery comes first here
 * too, as some programs move the kernel's own rule for it to a later place.
 */
const all = [
  'priority 1 lookup local',
  `priority 2 fwmark ${passMark}/${passMark} goto 4`,
  'priority 3 not iif lo blackhole',
  'priority 4 nop',
];
