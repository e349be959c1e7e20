// The packet filters: one for the host, when there are containers, and one for each container with a role in the chain.

import type { Expand } from '../../core/topology.ts';
import { hostTable } from './host.ts';
import { insideTable } from './inside.ts';
import { hostName, type Spec } from './schema.ts';

export const expand: Expand<Spec> = (topology, facts) => {
  if (topology.members.length === 0) return [];
  const inside = topology.members.flatMap((member) => {
    const text = insideTable(topology, member);
    return text === null ? [] : [{ kind: 'filter', name: member.name, spec: { text } }];
  });
  return [{ kind: 'filter', name: hostName, spec: { text: hostTable(topology, facts) } }, ...inside];
};
