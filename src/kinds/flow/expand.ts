// A bridge's wanted flows, from the topology.

import type { Expand } from '../../core/topology.ts';
import type { Flow } from '../../drivers/openflow/contract.ts';
import { identity, printFlow, sortFlows } from '../../drivers/openflow/text.ts';
import { OpError } from '../../error.ts';
import { lay } from './pipeline.ts';
import { scene } from './scene.ts';
import type { Spec } from './schema.ts';

export const expand: Expand<Spec> = (topology) =>
  topology.bridges.map((bridge) => {
    const flows = lay(scene(topology, bridge));
    refuseTwins(bridge.name, flows);
    return { kind: 'flow', name: bridge.name, spec: { flows: sortFlows(flows).map(printFlow) } };
  });

/** The switch keeps one flow of each table, priority and match: with two, the host would never be as the file says. */
function refuseTwins(bridge: string, flows: readonly Flow[]): void {
  const seen = new Set<string>();
  for (const flow of flows) {
    if (seen.has(identity(flow)))
      throw new OpError('state', `two flows of ${bridge} have the same table, priority and match: ${printFlow(flow)}`, {
        hint: 'Give one of them another priority.',
      });
    seen.add(identity(flow));
  }
}
