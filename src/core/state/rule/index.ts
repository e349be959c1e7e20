// The list of rules.

import { bad, type Draft } from '../draft.ts';
import { bridgeNames, links } from '../link.ts';
import { targetsOf } from '../placed.ts';
import type { Finding } from '../problem.ts';
import { addresses } from './address.ts';
import { chains } from './chain.ts';
import { flows } from './flow.ts';
import { names } from './name.ts';
import { objects } from './object.ts';
import { padding } from './padding.ts';
import { peers } from './peer.ts';
import { policies } from './policy.ts';
import { ports } from './port.ts';
import { published } from './publish.ts';
import type { Rule, View } from './rule.ts';
import { services } from './service.ts';
import { shapers } from './shaper.ts';
import { units } from './unit.ts';

const rules: readonly Rule[] = [
  names,
  ports,
  addresses,
  services,
  shapers,
  peers,
  published,
  padding,
  policies,
  flows,
  chains,
  units,
  objects,
];

/** All that doesn't fit together, in no particular order. */
export function judge(view: View): readonly Finding[] {
  return rules.flatMap((rule) => rule(view));
}

/** What doesn't fit of the policies alone. */
export function judgePolicies(view: View): readonly Finding[] {
  return [policies, flows, chains].flatMap((rule) => rule(view));
}

/** `whole`: false when the draft stands for a file of which nothing could be read. */
export function view(draft: Draft, whole: boolean): View {
  const found = links(draft);
  const listed = whole && !bad(draft, 'lxc') && (draft.lxc === undefined || !bad(draft.lxc, 'containers'));
  const idsKnown =
    listed && found.length === (draft.lxc?.containers ?? []).length && found.every(({ id }) => id !== null);
  const portsKnown = idsKnown && found.every(({ row, device }) => row !== null && device !== null);
  return {
    draft,
    links: found,
    bridges: whole ? bridgeNames(draft) : null,
    idsKnown,
    portsKnown,
    targets: targetsOf(found),
  };
}
