// What a rule is: it sees the good parts of the file and says what doesn't fit together.

import type { Draft } from '../draft.ts';
import type { Link } from '../link.ts';
import type { Finding, Path } from '../problem.ts';

export type View = {
  readonly draft: Draft;
  readonly links: readonly Link[];
  /** The names of the bridges in order; null where, or when, that part of the file is bad. */
  readonly bridges: readonly (string | null)[] | null;
  /** Whether every container's id, and every port's name, is known: only then something can be missed. */
  readonly idsKnown: boolean;
  readonly portsKnown: boolean;
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
