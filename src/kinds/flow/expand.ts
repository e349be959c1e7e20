// A bridge's wanted flows and meters, from the topology.

import type { Expand } from '../../core/topology.ts';
import type { Flow } from '../../drivers/openflow/contract.ts';
import { identity, printFlow, printMeter, printSorted } from '../../drivers/openflow/text.ts';
import { OpError } from '../../error.ts';
import { meters } from './limit.ts';
import { lay } from './pipeline.ts';
import { scene } from './scene.ts';
import type { Spec } from './schema.ts';

export const expand: Expand<Spec> = (topology) =>
  topology.bridges.map((bridge) => {
    const seen = scene(topology, bridge);
    const flows = lay(seen).flatMap((table) => table.flows);
    refuseTwins(bridge.name, flows);
    const limits = meters(seen).toSorted((a, b) => a.id - b.id);
    const spec = { meters: limits.map(printMeter), flows: printSorted(flows) };
    return { kind: 'flow', name: bridge.name, spec };
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
