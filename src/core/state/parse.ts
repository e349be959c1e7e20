// The state file: text in; the state, or every problem at once, out.

import type * as z from 'zod';
import { complete, explained } from './complete.ts';
import { type Draft, prune, remove } from './draft.ts';
import { findingsOf } from './issue.ts';
import { type Position, readJson } from './json.ts';
import { fill } from './link.ts';
import { unfilled } from './placeholder.ts';
import { compare, type Finding, type Path, type Problem, showPath } from './problem.ts';
import { judge, view } from './rule/index.ts';
import { bare, document, type State } from './schema.ts';

export type { Problem } from './problem.ts';

/**
 * Reads either shape of the specification (`{lxc, openflow}`, or the same under `plugins` beside `version`). Every
 * problem of the file is reported at once, sorted by position: the rules run on whatever passed the schema. Never throws.
 */
export function parse(text: string): { readonly state: State } | { readonly problems: readonly Problem[] } {
  const json = readJson(text);
  const wrapped =
    isObject(json.value) && (Object.hasOwn(json.value, 'plugins') || Object.hasOwn(json.value, 'version'));
  const schema = wrapped ? document : bare;
  const { value, taken } = complete(json.value, wrapped ? ['plugins'] : []);
  const read = schema.safeParse(value);
  const all = json.readable ? findAll(value, wrapped, read.error?.issues ?? []) : [];
  const findings = all.map((finding) => explained(finding, taken));
  const problems = [
    ...json.findings.map((finding) => toProblem(finding, finding, wrapped)),
    ...findings.map((finding) => toProblem(finding, json.position(finding.path, finding.key), wrapped)),
  ];
  if (problems.length > 0 || !read.success) return { problems: problems.toSorted(compare) };
  return { state: fill('plugins' in read.data ? read.data.plugins : read.data) };
}

function findAll(value: unknown, wrapped: boolean, issues: readonly z.core.$ZodIssue[]): readonly Finding[] {
  const blanks = unfilled(value);
  const blank = new Set(blanks.map(({ path }) => JSON.stringify(path)));
  const shape = findingsOf(wrapped ? document : bare, value, issues).filter(
    ({ path }) => !blank.has(JSON.stringify(path)),
  );
  const unknown = shape.filter(({ key }) => key);
  const good = prune(
    remove(
      value,
      unknown.map(({ path }) => path),
    ),
    [...shape, ...blanks].map(({ path }) => path),
  );
  const draft = wrapped ? (good as { plugins?: Draft } | undefined)?.plugins : (good as Draft | undefined);
  const fit = judge(view(draft ?? {}, draft !== undefined));
  const base: Path = wrapped ? ['plugins'] : [];
  return [
    ...(isObject(draft) && shape.length === 0 ? nothing(draft, base) : []),
    ...blanks,
    ...shape.map(misplaced),
    ...fit.map((finding) => ({ ...finding, path: [...base, ...finding.path] })),
  ];
}

/** An empty file would remove everything: that is what `down` is for, said in so many words. */
function nothing(draft: Draft, path: Path): readonly Finding[] {
  if ([draft.lxc, draft.openflow, draft.systemd, draft.dbus].some((part) => part !== undefined)) return [];
  const hint = 'To remove all that op-dbus has made on this host: op-dbus down';
  return [{ path, message: 'describes nothing: expected lxc, openflow, systemd or dbus', hint }];
}

function toProblem({ path, message, hint }: Finding, { line, column }: Position, wrapped: boolean): Problem {
  const shown = wrapped && path.length > 1 ? path.slice(1) : path;
  return { line, column, path: showPath(shown), message, ...(hint === undefined ? {} : { hint }) };
}

/** `lxc` beside `plugins`: the two shapes mixed. */
function misplaced(finding: Finding): Finding {
  const { path, key } = finding;
  return key && path.length === 1 && ['lxc', 'openflow', 'systemd', 'dbus'].includes(String(path[0]))
    ? { ...finding, hint: `Move ${path[0]} into plugins.` }
    : finding;
}

function isObject(value: unknown): value is object {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}
