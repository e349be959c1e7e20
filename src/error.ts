// The one error class: a code that decides the exit status, a message, and what to do about it.

/**
 * What went wrong, by class. `state`: the file; `usage`: the command line; `host`: the machine lacks or refuses
 * something; `foreign`: something not ours is in the way; `check`: a generated config or a hop failed its check;
 * `protocol`: a peer (OVSDB, OpenFlow) said something wrong; `timeout`: a deadline passed; `internal`: our own bug.
 */
export type ErrorCode = 'state' | 'usage' | 'host' | 'foreign' | 'check' | 'protocol' | 'timeout' | 'internal';

export type ErrorDetail = {
  /** Where: `state.json:14:27 containers[1].network.ipv4`, a path, a command. */
  readonly at?: string;
  /** What to do, as a full sentence or a command. */
  readonly hint?: string;
  readonly cause?: unknown;
};

/** Every error that op-dbus throws on purpose. Its message never holds a secret. */
export class OpError extends Error {
  readonly code: ErrorCode;
  readonly at: string | undefined;
  readonly hint: string | undefined;

  constructor(code: ErrorCode, message: string, detail: ErrorDetail = {}) {
    super(message, detail.cause === undefined ? undefined : { cause: detail.cause });
    this.name = 'OpError';
    this.code = code;
    this.at = detail.at;
    this.hint = detail.hint;
  }
}

/** Adds one gerund in front of whatever is thrown: `doing('applying bridge ovsbr0', () => …)`. */
export async function doing<T>(gerund: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    if (error instanceof AggregateError)
      throw new AggregateError(error.errors.map((one: unknown) => wrap(gerund, one)));
    throw wrap(gerund, error);
  }
}

/** The same error with `gerund: ` in front of its message; code, place and hint are kept. */
export function wrap(gerund: string, error: unknown): OpError {
  const message = error instanceof Error ? error.message : String(error);
  const known = error instanceof OpError ? error : undefined;
  return new OpError(known?.code ?? 'internal', `${gerund}: ${message}`, {
    ...(known?.at === undefined ? {} : { at: known.at }),
    ...(known?.hint === undefined ? {} : { hint: known.hint }),
    cause: error,
  });
}

/** `error[state] state.json:14:27 containers[1].network.ipv4: expected …` and, on a second line, the hint. */
export function describe(error: unknown): string {
  if (!(error instanceof OpError)) return `error[internal] ${error instanceof Error ? error.message : String(error)}`;
  const place = error.at === undefined ? '' : ` ${error.at}:`;
  const hint = error.hint === undefined ? '' : `\n  ${error.hint}`;
  return `error[${error.code}]${place} ${error.message}${hint}`;
}

/** An error in one line, with its place: what a log and a list of reasons hold of it. */
export function because(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(because).join('; ');
  const at = error instanceof OpError && error.at !== undefined ? `${error.at}: ` : '';
  return `${at}${error instanceof Error ? error.message : String(error)}`;
}
