// Resources and changes: plain data, one generic difference for every kind.

/** One thing on the host. Its spec is plain data (what JSON can hold): it can be printed, compared and stored. `name` is unique within its kind; `spec` holds everything the kind keeps true. */
export type Resource<S = unknown> = { readonly kind: string; readonly name: string; readonly spec: S };

/** From `before` to `after`: create when `before` is null, delete when `after` is null. Undo swaps the two. */
export type Change<S = unknown> = {
  readonly kind: string;
  readonly name: string;
  readonly before: S | null;
  readonly after: S | null;
};

/** The change that takes this one back. */
export function undo<S>(change: Change<S>): Change<S> {
  return { kind: change.kind, name: change.name, before: change.after, after: change.before };
}
