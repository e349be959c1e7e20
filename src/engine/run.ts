// Run: carries out a plan, kind by kind. Deletes come first, backwards; then everything else, forwards.

import type { Change } from '../core/resource.ts';
import type { Host } from '../drivers/host.ts';
import { doing, OpError } from '../error.ts';
import { kinds } from '../kinds/index.ts';
import type { Kind } from '../kinds/kind.ts';

/** What happens while a plan runs: a stage begins (its commands), something takes long, a stage is done. */
export type Progress =
  | { readonly event: 'begin'; readonly stage: string; readonly commands: readonly string[] }
  | { readonly event: 'say'; readonly stage: string; readonly line: string }
  | { readonly event: 'done'; readonly stage: string };

export type Stage = { readonly kind: Kind<unknown>; readonly batch: readonly Change[] };

export type Control = {
  /** Raised to stop before the next stage. */
  readonly stop?: AbortSignal | undefined;
  /** Called once every preflight has passed, before the first change. */
  readonly ready?: () => Promise<void>;
};

/** The stages of a plan in the order in which they run; without deletes of what goes with its container. */
export function stages(changes: readonly Change[]): readonly Stage[] {
  const gone = new Set(changes.filter(({ after }) => after === null).map(({ kind, name }) => `${kind} ${name}`));
  const implied = (kind: Kind<unknown>, change: Change): boolean => {
    const outer = change.after === null ? kind.within?.(change.before) : undefined;
    return outer !== undefined && gone.has(`${outer.kind} ${outer.name}`);
  };
  const of = (kind: Kind<unknown>, deletes: boolean): Stage => ({
    kind,
    batch: changes.filter(
      (change) => change.kind === kind.name && (change.after === null) === deletes && !implied(kind, change),
    ),
  });
  return [...kinds.toReversed().map((kind) => of(kind, true)), ...kinds.map((kind) => of(kind, false))].filter(
    (stage) => stage.batch.length > 0,
  );
}

/** The plan as the commands a person would type, in the order in which they run. */
export function render(changes: readonly Change[]): readonly string[] {
  return stages(changes).flatMap(({ kind, batch }) => batch.flatMap((change) => kind.render(change)));
}

/**
 * Carries out the plan. Every kind's preflight, and then `ready`, has passed before the first change is made.
 * @throws OpError of the first stage that fails, or `host` before the next one when `stop` is raised; the stages before
 * it stay done.
 */
export async function run(
  host: Host,
  changes: readonly Change[],
  progress: (event: Progress) => void,
  { stop, ready }: Control = {},
): Promise<void> {
  const planned = stages(changes);
  for (const { kind, batch } of planned)
    await kind.preflight?.(host, batch, (line) => progress({ event: 'say', stage: title(kind, batch), line }));
  await ready?.();
  for (const { kind, batch } of planned) {
    const stage = title(kind, batch);
    if (stop?.aborted)
      throw new OpError('host', `stopped before ${stage}`, {
        hint: 'It was asked to stop.',
      });
    progress({ event: 'begin', stage, commands: batch.flatMap((change) => kind.render(change)) });
    await doing(`applying ${stage}`, () => kind.apply(host, batch, (line) => progress({ event: 'say', stage, line })));
    progress({ event: 'done', stage });
  }
}

function title(kind: Kind<unknown>, batch: readonly Change[]): string {
  const names = batch.map((change) => change.name).join(', ');
  return `${kind.name} ${names}`;
}
