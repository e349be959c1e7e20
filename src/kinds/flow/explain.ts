// What flows come out of a topology, table by table, and why each is there.

import type { Topology } from '../../core/topology.ts';
import type { Flow } from '../../drivers/openflow/contract.ts';
import { printFlow, printMeter, sortFlows } from '../../drivers/openflow/text.ts';
import { meters } from './limit.ts';
import { lay } from './pipeline.ts';
import { reasons } from './reason.ts';
import { type Scene, scene } from './scene.ts';

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
        flows: sortFlows(flows).map((flow) => ({ flow: printFlow(flow), why: why(seen, flow) })),
      })),
    };
  });
}

/** Why a flow of ours is there: the rule's reason with its level, or the file's own words. */
export function why({ members }: Scene, { cookie, table }: Pick<Flow, 'cookie' | 'table'>): string {
  const reason = reasons[cookie];
  if (reason !== undefined) return reason.level === null ? reason.text : `${reason.text} (level ${reason.level})`;
  const number = Number(cookie);
  const member = members.find(({ id, policy }) => number === 0xbeef0000 + id && policy?.table === table);
  return member === undefined ? 'a flow of the file' : `policy ${member.policy?.name} of ${member.name}`;
}
