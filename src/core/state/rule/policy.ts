// Policies: each names a container, one a container, and they lead to ports that are there, in no circle.

import { entries, type PolicyDraft } from '../draft.ts';
import { didYouMean } from '../hint.ts';
import type { Link } from '../link.ts';
import type { Finding, Path } from '../problem.ts';
import { repeated, type Rule, type View } from './rule.ts';

export const policies: Rule = (view) => {
  const { draft, links } = view;
  const steps = entries(draft.openflow?.flow_policies).map(([index, policy]) =>
    step(['openflow', 'flow_policies', index], policy, links),
  );
  return [
    ...repeated(
      steps.map(({ id, path }) => ({ value: id, path: [...path, 'selector'] })),
      (id) => `container ${id} has a policy already: expected one`,
    ),
    ...steps.flatMap((one) => [...selected(one, view), ...led(one, view)]),
    ...circles(steps),
  ];
};

/** The ids that policies steer from and to. */
type Step = {
  readonly path: Path;
  readonly id: number | null;
  readonly from: Link | undefined;
  readonly port: string | null;
  readonly to: Link | undefined;
};

function step(path: Path, { selector, template }: PolicyDraft, links: readonly Link[]): Step {
  const id = selector === undefined ? null : Number(selector.slice('container:'.length));
  const action = template?.actions?.[0];
  const port = action?.type === 'output' ? (action.port ?? null) : null;
  return { path, id, from: links.find((link) => link.id === id), port, to: owner(links, port) };
}

function owner(links: readonly Link[], port: string | null): Link | undefined {
  return port === null ? undefined : links.find(({ row, device }) => row === port || device === port);
}

function selected({ path, id, from }: Step, { idsKnown }: View): readonly Finding[] {
  if (id === null || from !== undefined || !idsKnown) return [];
  return [{ path: [...path, 'selector'], message: `there is no container ${id}` }];
}

function led({ path, port, from, to }: Step, { links, portsKnown }: View): readonly Finding[] {
  const place = [...path, 'template', 'actions', 0, 'port'];
  if (port === null) return [];
  if (to === undefined) {
    if (!portsKnown) return [];
    const known = links.flatMap(({ row, device }) => [row ?? '', device ?? '']);
    return [{ path: place, message: `no container has a port ${port}`, ...didYouMean(port, known) }];
  }
  if (from === undefined || from.bridge === null || to.bridge === null || from.bridge === to.bridge) return [];
  return [
    {
      path: place,
      message: `${port} is on bridge ${to.bridge}, container ${from.id} on ${from.bridge}: expected a port of the same`,
    },
  ];
}

/** One finding a circle, at the first of its policies in the file. */
function circles(steps: readonly Step[]): readonly Finding[] {
  const next = new Map(
    steps.toReversed().flatMap(({ id, to }) => (id === null || to?.id === undefined ? [] : [[id, to.id]])),
  );
  const reported = new Set<number | null>();
  return steps.flatMap(({ id, path }) => {
    const way: (number | null)[] = [];
    for (
      let at: number | null | undefined = id;
      at !== undefined && at !== null && !way.includes(at);
      at = next.get(at)
    )
      way.push(at);
    if (id === null || next.get(way.at(-1) ?? 0) !== id || reported.has(id)) return [];
    for (const each of way) reported.add(each);
    return [
      { path: [...path, 'template', 'actions', 0], message: `policies lead in a circle: ${[...way, id].join(' → ')}` },
    ];
  });
}
