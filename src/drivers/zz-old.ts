// Runs programs: an argument vector, never a shell; a deadline on each; LC_ALL=C. Secrets go by stdin, never by argv.

import spawn, { SubprocessError } from 'nano-spawn';
import { OpError } from '../error.ts';

export type ExecOptions = {
  /** Fed to the program's standard input, which is closed after it. Without it stdin is empty. */
  readonly stdin?: string;
  /** Milliseconds until the program is killed (SIGKILL). 30,000 unless told. */
  readonly deadline?: number;
  /** Added to the environment. */
  readonly env?: Readonly<Record<string, string>>;
};

/** What a program that ran to its end left behind. `code` is its exit status (128 + n when signal n ended it). */
export type ExecResult = { readonly code: number; readonly stdout: string; readonly stderr: string };

/**
 * Runs `argv` and returns its result whatever the exit status.
 * @throws OpError `host` when the program can't be started, `timeout` when the deadline passed.
 */
export type Exec = (argv: readonly [string, ...string[]], options?: ExecOptions) => Promise<ExecResult>;

export const exec: Exec = async ([program, ...args], options = {}) => {
  const deadline = options.deadline ?? 30_000;
  try {
    const result = await spawn(program, args, {
      stdin: { string: options.stdin ?? '' },
      timeout: deadline,
      killSignal: 'SIGKILL',
      env: { LC_ALL: 'C', ...options.env },
    });
    return { code: 0, stdout: result.stdout, stderr: result.stderr };
  } catch (error) {
    if (!(error instanceof SubprocessError)) throw error;
    if (error.cause instanceof Error && 'code' in error.cause && error.cause.code === 'ENOENT')
      throw new OpError('host', `${program}: not installed`, { hint: `Install the program ${program}.`, cause: error });
    if (error.message.includes('timed out'))
      throw new OpError('timeout', `${program}: no answer within ${deadline / 1000} s`, { cause: error });
    const code = error.exitCode ?? 128 + 9;
    return { code, stdout: error.stdout, stderr: error.stderr };
  }
};

/**
 * Runs `argv` and insists on exit status 0.
 * @returns standard output.
 * @throws OpError `host` with the last line of standard error.
 */
export async function run(exec: Exec, argv: readonly [string, ...string[]], options?: ExecOptions): Promise<string> {
  const result = await exec(argv, options);
  if (result.code === 0) return result.stdout;
  const why = result.stderr.trim().split('\n').at(-1) || result.stdout.trim().split('\n').at(-1) || 'no message';
  throw new OpError('host', `${argv.slice(0, 3).join(' ')}: exit ${result.code}: ${why}`);
}
