// Policies: each selects containers, and leads them to ports that are there, in no circle.

import { type ActionDraft, bad, entries, type PolicyDraft } from '../draft.ts';
import { didYouMean } from '../hint.ts';
import type { Link } from '../link.ts';
import { type Placed, policyFlows, selected } from '../placed.ts';
import { type Finding, type Path, quote } from '../problem.ts';
import { unknownVariables, variableNames } from '../selector.ts';
import { placed, type Rule, unique, type View } from './rule.ts';

export const policies: Rule = (view) => [
  ...entries<PolicyDraft>(view.draft.openflow?.flow_policies).flatMap(([index, policy]) => {
    const path = ['openflow', 'flow_policies', index];
    return [...chosen(view, policy, [...path, 'selector']), ...written(policy, [...path, 'template'])];
  }),
  ...unique(
    placed(view)
      .filter((one) => one.steers)
      .flatMap((one) => led(view, one)),
  ),
  ...circles(view),
];

/** Policies that steer in the order in which a packet meets them: the lowest table first, there the highest priority. */
export function met(steering: readonly Placed[]): readonly Placed[] {
  return steering.toSorted(
    ({ flow: a }, { flow: b }) => (a.table ?? 10) - (b.table ?? 10) || (b.priority ?? 1000) - (a.priority ?? 1000),
  );
}

/** The container that a policy leads to. */
export function leadsTo(links: readonly Link[], { flow }: Placed): Link | undefined {
  const [action] = flow.actions ?? [];
  if (action?.type !== 'output' || action.port === undefined) return undefined;
  return links.find(({ row, device }) => row === action.port || device === action.port);
}

/** A selector that means somebody. With auto-discovery he may still come. */
function chosen(view: View, policy: PolicyDraft, path: Path): readonly Finding[] {
  const { draft, links, targets, idsKnown, portsKnown } = view;
  const { selector } = policy;
  if (selector === undefined) return [];
  const [sort = '', what = ''] = selector.split(':');
  const [low = 0, high = low] = /^[0-9-]+$/.test(what) ? what.split('-').map(Number) : [];
  if (low > high) return [{ path, message: `expected the lower id first, like container:${high}-${low}` }];
  const discovers =
    draft.openflow !== undefined &&
    (draft.openflow.auto_discover_containers ?? bad(draft.openflow, 'auto_discover_containers'));
  const names = links.map(({ container }) => container.name);
  const unsure = !idsKnown || (sort === 'port' ? !portsKnown : names.includes(undefined) && /^[a-z]/.test(what));
  if (discovers || unsure || targets.length < links.length || selected(policy, targets).length > 0) return [];
  if (sort === 'container' && /^[0-9a-z]+[0-9a-z-]*$/.test(what) && low === high)
    return [
      {
        path,
        message: `there is no container ${what}`,
        ...didYouMean(
          what,
          names.filter((name) => name !== undefined),
        ),
      },
    ];
  const hint = '"auto_discover_containers": true lets a policy wait for containers that are not in the file.';
  return [{ path, message: 'no container of the file is meant: expected one at least', hint }];
}

/** What needs no container to be seen: an in_port of its own, and variables that nobody fills in. */
function written({ template = {} }: PolicyDraft, path: Path): readonly Finding[] {
  const { match_fields: match = {} } = template;
  const texts: readonly { readonly at: Path; readonly value: unknown }[] = [
    ...Object.entries(match).map(([field, value]) => ({ at: ['match_fields', field], value })),
    ...entries<ActionDraft>(template.actions).map(([index, action]) => {
      if (action.type === 'output') return { at: ['actions', index, 'port'], value: action.port };
      return { at: ['actions', index, 'value'], value: action.type === 'set_field' ? action.value : null };
    }),
  ];
  const own = Object.hasOwn(match, 'in_port')
    ? [
        {
          path: [...path, 'match_fields', 'in_port'],
          key: true,
          message: 'the selector says whose packets: expected no in_port',
        },
      ]
    : [];
  const known = variableNames.map((name) => `{${name}}`).join(', ');
  const unknown = texts.flatMap(({ at, value }) =>
    (typeof value === 'string' ? unknownVariables(value) : []).map((name) => ({
      path: [...path, ...at],
      message: `unknown variable ${quote(`{${name}}`)}: expected one of ${known}`,
      ...didYouMean(name, variableNames),
    })),
  );
  return [...own, ...unknown];
}

function led({ links, portsKnown }: View, one: Placed): readonly Finding[] {
  const path = [...one.body, 'actions', 0, 'port'];
  const [action] = one.flow.actions ?? [];
  if (action?.type !== 'output' || action.port === undefined) return [];
  const to = leadsTo(links, one);
  if (to === undefined) {
    if (!portsKnown || action.port.includes('{')) return [];
    const known = links.flatMap(({ row, device }) => [row ?? '', device ?? '']);
    return [{ path, message: `no container has a port ${action.port}`, ...didYouMean(action.port, known) }];
  }
  const { target } = one;
  if (target === null || to.bridge === null || to.bridge === target.bridge) return [];
  return [
    {
      path,
      message: `${action.port} is on bridge ${to.bridge}, container ${target.id} on ${target.bridge}: expected a port of the same`,
    },
  ];
}

/** One finding a circle, at the first of its policies in the file. */
function circles({ draft, links, targets }: View): readonly Finding[] {
  const steering = policyFlows(draft, targets).filter((one) => one.steers);
  const first = new Map(
    met(steering)
      .toReversed()
      .map((one) => [one.target?.id, one] as const),
  );
  const next = new Map([...first].map(([id, step]) => [id, leadsTo(links, step)?.id ?? null] as const));
  const reported = new Set<number>();
  return steering.flatMap((one) => {
    const id = one.target?.id;
    if (id === undefined || first.get(id) !== one || reported.has(id)) return [];
    const way: number[] = [];
    for (let at: number | null = id; at !== null && !way.includes(at); at = next.get(at) ?? null) way.push(at);
    if (next.get(way.at(-1) ?? 0) !== id) return [];
    for (const each of way) reported.add(each);
    return [{ path: [...one.body, 'actions', 0], message: `policies lead in a circle: ${[...way, id].join(' → ')}` }];
  });
}
