// What a rule is: it sees the good parts of the file and says what doesn't fit together.

import { type Draft, entries, type PolicyDraft } from '../draft.ts';
import type { Link } from '../link.ts';
import { ownFlows, type Placed, policyFlows, selected, unplaced } from '../placed.ts';
import type { Finding, Path } from '../problem.ts';
import type { Target } from '../selector.ts';

export type View = {
  readonly draft: Draft;
  readonly links: readonly Link[];
  /** The names of the bridges in order; null where, or when, that part of the file is bad. */
  readonly bridges: readonly (string | null)[] | null;
  /** Whether every container's id, and every port's name, is known: only then something can be missed. */
  readonly idsKnown: boolean;
  readonly portsKnown: boolean;
  /** Whom policies may select: the containers of the file, or one that was discovered. */
  readonly targets: readonly Target[];
};

/** Paths are relative to `plugins`. */
export type Rule = (view: View) => readonly Finding[];

/** The path of a container, or of what is in it. */
export function containerPath(index: number, ...inner: Path): Path {
  return ['lxc', 'containers', index, ...inner];
}

/** A value that must be the only one of its sort, and where it is. Entries without a value are skipped. */
export type Claim = { readonly value: string | number | null | undefined; readonly path: Path };

/** One finding for each claim of a value that an earlier one has: `say` gets the value and the earlier path. */
export function repeated(
  claims: readonly Claim[],
  say: (value: string | number, first: Path) => string,
): readonly Finding[] {
  const seen = new Map<string | number, Path>();
  return claims.flatMap(({ value, path }) => {
    if (value === null || value === undefined) return [];
    const first = seen.get(value);
    if (first !== undefined) return [{ path, message: say(value, first) }];
    seen.set(value, path);
    return [];
  });
}

/** Every flow of the file for each container, and a policy that selects none by itself. */
export function placed({ draft, targets }: View): readonly Placed[] {
  const alone = entries<PolicyDraft>(draft.openflow?.flow_policies).flatMap(([index, policy]) =>
    selected(policy, targets).length === 0 ? [unplaced(index, policy)] : [],
  );
  return [...ownFlows(draft), ...policyFlows(draft, targets), ...alone];
}

/** Of findings that say the same at the same place the first: a policy is looked at for each of its containers. */
export function unique(findings: readonly Finding[]): readonly Finding[] {
  return [
    ...new Map(findings.toReversed().map((one) => [JSON.stringify([one.path, one.message]), one])).values(),
  ].toReversed();
}
