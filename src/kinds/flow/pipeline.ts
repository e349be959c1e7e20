// The pipeline: every table of a bridge, in the order in which packets meet it. docs/pipeline.md explains each flow.

import type { Flow } from '../../drivers/openflow/contract.ts';
import { admission, plainAdmission } from './admission.ts';
import { arp } from './arp.ts';
import { inside } from './inside.ts';
import { requests } from './limit.ts';
import { plainPolicies, policies, policyTables } from './policy.ts';
import { replies } from './reply.ts';
import { type Rule, rule, type Scene } from './scene.ts';
import { security, shut } from './security.ts';
import { lookup, sources } from './source.ts';
import { goTo, table } from './table.ts';
import { destination, transit } from './transit.ts';
import { plainFlows } from './user.ts';

type Table = {
  readonly number: number;
  readonly does: string;
  /** The flows of each concern; a concern of the policy tables is asked for each of them by number. */
  readonly flows: readonly ((scene: Scene, number: number) => readonly Rule[])[];
  /** Whether the table is there; always unless told. */
  readonly when?: (scene: Scene) => boolean;
  /** What becomes of a packet that no flow matches, under this cookie. */
  readonly miss: { readonly cookie: number; readonly to: number | 'drop' | 'NORMAL' };
};

const shutOff = { cookie: 0xdead0fff, to: 'drop' } as const;
const unsteered = { cookie: 0xdead0ffe, to: 'drop' } as const;
const go = (to: number): Table['miss'] => ({ cookie: 0xdead0ffd, to });
const normal = { cookie: 0xdead0ffc, to: 'NORMAL' } as const;

/** A bridge with a chain: fail closed, no NORMAL, no MAC learning, no flooding. */
const chain: readonly Table[] = [
  {
    number: table.admission,
    does: 'drop what never passes, admit the rest',
    flows: [shut, security, admission],
    miss: shutOff,
  },
  { number: table.arp, does: 'ARP to the owner of the address', flows: [arp], miss: shutOff },
  {
    number: table.limit,
    does: 'so many requests a second',
    when: (scene) => scene.security,
    flows: [requests],
    miss: go(table.conntrack),
  },
  { number: table.conntrack, does: 'look the connection up', flows: [lookup], miss: shutOff },
  {
    number: table.verdict,
    does: 'replies by their pair, the rest by source',
    flows: [replies, sources],
    miss: shutOff,
  },
  { number: table.destination, does: 'inside the subnet, or transit', flows: [destination], miss: go(table.transit) },
  { number: table.transit, does: 'one TTL and DSCP for all that leaves', flows: [transit], miss: go(table.policy) },
  { number: table.policy, does: 'policies and flows of the state file', flows: [policies], miss: unsteered },
  { number: table.inside, does: 'who may open to whom inside the subnet', flows: [inside], miss: shutOff },
];

/** A bridge without a chain: a learning switch whose members can't lie about who they are. */
const plain: readonly Table[] = [
  {
    number: table.admission,
    does: 'drop what never passes, pin the members',
    flows: [security, plainAdmission],
    miss: go(table.policy),
  },
  {
    number: table.policy,
    does: 'policies and flows of the state file',
    flows: [plainPolicies, plainFlows],
    miss: normal,
  },
];

/** A table with its flows, in no order. */
export type Laid = {
  readonly number: number;
  readonly does: string;
  readonly flows: readonly (Flow & { readonly why?: string })[];
};

/** The tables of a bridge, in order. @throws OpError `state` for a policy or flow that can't be in the pipeline. */
export function lay(scene: Scene): readonly Laid[] {
  const tables = (scene.bridge.chain ? chain : plain)
    .filter(({ when }) => when?.(scene) ?? true)
    .flatMap((entry) => spread(scene, entry));
  return tables.map(({ number, does, flows, miss }) => ({
    number,
    does,
    flows: [...flows.flatMap((concern) => concern(scene, number)), missed(miss)].map((one) => ({
      ...one,
      table: number,
    })),
  }));
}

/** The policy table stands for all that the state file uses of 10 to 19; a miss goes to the next of them. */
function spread(scene: Scene, entry: Table): readonly Table[] {
  if (entry.number !== table.policy) return [entry];
  const numbers = policyTables(scene);
  return numbers.map((number, index) => {
    const following = numbers[index + 1];
    return { ...entry, number, miss: following === undefined ? entry.miss : go(following) };
  });
}

function missed({ cookie, to }: Table['miss']): Rule {
  return rule(cookie, 0, [], [typeof to === 'number' ? goTo(to) : to]);
}
