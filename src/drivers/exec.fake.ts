// Programs that answer from a script, for tests of what is made of their output.

import type { Exec, ExecOptions, ExecResult } from './exec.ts';
import { OpError } from '../error.ts';

/** One call as it was made. */
export type Call = { readonly argv: readonly [string, ...string[]]; readonly options: ExecOptions };

/**
 * An Exec that asks `answer` for each call: a string is standard output with exit status 0, a record is laid over an
 * empty success, undefined means that the program isn't installed. `calls` grows by one with each call.
 */
export function scriptedExec(
  answer: (argv: readonly [string, ...string[]], options: ExecOptions) => string | Partial<ExecResult> | undefined,
): { readonly exec: Exec; readonly calls: readonly Call[] } {
  const calls: Call[] = [];
  const exec: Exec = async (argv, options = {}) => {
    calls.push({ argv, options });
    const said = answer(argv, options);
    if (said === undefined) throw new OpError('host', `${argv[0]}: not installed`);
    return { code: 0, stdout: '', stderr: '', ...(typeof said === 'string' ? { stdout: said } : said) };
  };
  return { exec, calls };
}
