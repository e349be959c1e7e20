// What flows come out of a topology, table by table, and why each is there.

import type { Topology } from '../../core/topology.ts';
import type { Flow } from '../../drivers/openflow/contract.ts';
import { printFlow, printMeter, sortFlows } from '../../drivers/openflow/text.ts';
import { meters } from './limit.ts';
import { type Laid, lay } from './pipeline.ts';
import { reasons } from './reason.ts';
import { scene } from './scene.ts';

export type Explained = {
  readonly bridge: string;
  /** Whether a chain is on it: then all is closed that no flow opens. */
  readonly chain: boolean;
  readonly meters: readonly string[];
  readonly tables: readonly {
    readonly number: number;
    readonly does: string;
    readonly flows: readonly { readonly flow: string; readonly why: string }[];
  }[];
};

/** @throws OpError `state` as `expand` does. */
export function explain(topology: Topology): readonly Explained[] {
  return topology.bridges.map((bridge) => {
    const seen = scene(topology, bridge);
    return {
      bridge: bridge.name,
      chain: bridge.chain,
      meters: meters(seen).map(printMeter),
      tables: lay(seen).map(({ number, does, flows }) => ({
        number,
        does,
        flows: sorted(flows).map((flow) => ({ flow: printFlow(flow), why: why(flow) })),
      })),
    };
  });
}

function sorted(flows: Laid['flows']): Laid['flows'] {
  const order = new Map(sortFlows(flows).map((flow, index) => [flow, index]));
  return flows.toSorted((a, b) => (order.get(a) ?? 0) - (order.get(b) ?? 0));
}

/** Why a flow of ours is there: the rule's reason with its level, or the place in the file that asks for it. */
function why({ cookie, why: place }: Laid['flows'][number]): string {
  const reason = reasons[cookie];
  if (reason === undefined) return place ?? 'unknown';
  return reason.level === null ? reason.text : `${reason.text} (level ${reason.level})`;
}

/** The same for a flow that the switch shows: the wanted one in its place; null when there is none. */
export function whyLive(
  tables: readonly Laid[],
  { table, priority, match, cookie }: Omit<Flow, 'actions'>,
): string | null {
  const like = tables
    .flatMap(({ flows }) => flows)
    .filter((flow) => flow.table === table && flow.priority === priority && flow.cookie === cookie);
  const found = like.find((flow) => flow.match === match) ?? like[0];
  return found === undefined ? null : why(found);
}
