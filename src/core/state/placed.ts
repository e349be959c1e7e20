// Every flow of the file for each port that it is about: the bridges' own, and a policy's for each container it selects.

import { containerMac } from '../topology/number.ts';
import { bad, type BridgeDraft, type Draft, entries, type FlowDraft, type PolicyDraft } from './draft.ts';
import type { Link } from './link.ts';
import type { Path } from './problem.ts';
import { fillIn, isPattern, selects, type Target } from './selector.ts';

/** A flow where it is to be: variables filled in, and a policy's limited to its container by `in_port`. */
export type Placed = {
  /** Of the flow or policy in the file, relative to plugins. */
  readonly path: Path;
  /** Of what is in `flow`: the same, or the policy's template. */
  readonly body: Path;
  /** Null of a policy that is looked at without a container. */
  readonly bridge: string | null;
  readonly flow: FlowDraft;
  readonly policy: string | null;
  readonly target: Target | null;
  /** Whether it is the policy that says where the container's traffic goes. */
  readonly steers: boolean;
};

/** The containers of the file that are known well enough to be selected; of two with one id the first. */
export function targetsOf(links: readonly Link[]): readonly Target[] {
  const found = links.flatMap(({ id, bridge, row, device, address, container }): readonly Target[] => {
    if (id === null || bridge === null || row === null || device === null) return [];
    const ip = address?.ip ?? '0.0.0.0';
    return [{ id, name: container.name ?? '', bridge, row, device, mac: containerMac(id), ip }];
  });
  return [...new Map(found.toReversed().map((one) => [one.id, one])).values()].toReversed();
}

export function ownFlows(draft: Draft): readonly Placed[] {
  return entries<BridgeDraft>(draft.openflow?.bridges).flatMap(([index, { name = null, flows }]) =>
    entries<FlowDraft>(flows).map(([position, flow]) => {
      const path = ['openflow', 'bridges', index, 'flows', position];
      return { path, body: path, bridge: name, flow, policy: null, target: null, steers: false };
    }),
  );
}

/** One for each policy and target that it selects, in the order of the file. */
export function policyFlows(draft: Draft, targets: readonly Target[]): readonly Placed[] {
  return entries<PolicyDraft>(draft.openflow?.flow_policies).flatMap(([index, policy]) =>
    selected(policy, targets).map((target) => place(index, policy, target)),
  );
}

/** A policy without the containers it selects, for what can be said of it alone. */
export function unplaced(index: number, policy: PolicyDraft): Placed {
  const one = place(index, policy, example);
  const { in_port: _, ...match } = one.flow.match_fields ?? {};
  return { ...one, bridge: null, target: null, flow: { ...one.flow, match_fields: match } };
}

/** Of those that it steers a pattern leaves out the one to which it leads: nobody sends to himself. */
export function selected(policy: PolicyDraft, targets: readonly Target[]): readonly Target[] {
  const { selector, template = {} } = policy;
  if (selector === undefined) return [];
  const [action] = template.actions ?? [];
  const to = isPattern(selector) && steers(template) && action?.type === 'output' ? action.port : undefined;
  return targets.filter((target) => {
    const own = to !== undefined && [target.row, target.device].includes(fillIn(to, target));
    return selects(selector, target) && !own;
  });
}

/** A single `output`, `normal` or `drop` of all that a container sends, for good. */
export function steers({ match_fields: match = {}, actions = [], ...rest }: FlowDraft): boolean {
  const [action] = actions;
  const lasts = !('idle_timeout' in rest || 'hard_timeout' in rest);
  if (action === undefined || actions.length > 1 || Object.keys(match).length > 0) return false;
  return lasts && /^(output|normal|drop)$/.test(action.type ?? '');
}

const example: Target = {
  id: 100,
  name: 'internal-100',
  bridge: 'ovsbr0',
  row: 'internal_100',
  device: 'internal_100',
  mac: containerMac(100),
  ip: '10.0.0.100',
};

function place(index: number, policy: PolicyDraft, target: Target): Placed {
  const { name, template = {} } = policy;
  const path = ['openflow', 'flow_policies', index];
  const flow = filled(template, target);
  const known = { path, body: [...path, 'template'], bridge: target.bridge, flow, target };
  return { ...known, policy: name ?? '', steers: steers(template) };
}

/** What the schema refused stays undefined. */
function filled(template: FlowDraft, target: Target): FlowDraft {
  const fill = <T>(value: T): T | string => (typeof value === 'string' ? fillIn(value, target) : value);
  const { match_fields: match = {}, actions } = template;
  const fields = Object.entries(match).map(([field, value]) => [field, fill(value)] as const);
  const list = actions?.map((action) => {
    if (action?.type === 'output' && action.port !== undefined) return { ...action, port: fillIn(action.port, target) };
    return action?.type === 'set_field' ? { ...action, value: fill(action.value) } : action;
  });
  return {
    ...template,
    ...(bad(template, 'match_fields') ? {} : { match_fields: { ...Object.fromEntries(fields), in_port: target.row } }),
    ...(list === undefined ? {} : { actions: list }),
  };
}
