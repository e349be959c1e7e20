// Runs programs: an argument vector, never a shell; a deadline on each; LC_ALL=C. Secrets go by stdin, never by argv.

import { type ChildProcess, spawn } from 'node:child_process';
import { constants } from 'node:os';
import { OpError } from '../error.ts';

export type ExecOptions = {
  /** Fed to the program's standard input, which is closed after it. Without it stdin is empty. */
  readonly stdin?: string;
  /** Milliseconds until the program and what it has started are killed (SIGKILL). 30,000 unless told; null: never. */
  readonly deadline?: number | null;
  /** Added to the environment. */
  readonly env?: Readonly<Record<string, string>>;
};

/**
 * What a program that ran to its end left behind: its exit status (128 + n when signal n ended it) and its output as
 * UTF-8, without one newline at the end.
 */
export type ExecResult = { readonly code: number; readonly stdout: string; readonly stderr: string };

/**
 * Runs `argv` and returns its result, whatever the exit status, once the program and all that writes to its output
 * have ended. It runs in a session of its own: Ctrl-C on our terminal is not for it.
 * @throws OpError `host` when the program can't be started, `timeout` when the deadline passed.
 */
export type Exec = (argv: readonly [string, ...string[]], options?: ExecOptions) => Promise<ExecResult>;

/** How long a program that was killed may take to go: one that waits for a dead disk doesn't. */
const GRACE = 1000;

export const exec: Exec = ([program, ...args], { stdin, deadline = 30_000, env } = {}) =>
  new Promise((resolve, reject) => {
    const refuse = (cause: unknown): void => reject(refusal(program, cause));
    let child: ChildProcess;
    try {
      child = spawn(program, args, {
        detached: true,
        env: { ...process.env, LC_ALL: 'C', ...env },
        stdio: [stdin === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
      });
    } catch (error) {
      // Too long a vector is told at once, most else by the event.
      return refuse(error);
    }
    const timers: NodeJS.Timeout[] = [];
    let expired = false;
    const late = (): void => reject(new OpError('timeout', `${program}: no answer within ${(deadline ?? 0) / 1000} s`));
    if (deadline)
      timers[0] = setTimeout(() => {
        expired = true;
        kill(child);
        timers[1] = setTimeout(late, GRACE);
      }, deadline);
    const [stdout, stderr] = [text(child.stdout), text(child.stderr)];
    child.on('error', (error) => {
      for (const timer of timers) clearTimeout(timer);
      refuse(error);
    });
    child.on('close', (code, signal) => {
      for (const timer of timers) clearTimeout(timer);
      if (expired) late();
      else resolve({ code: code ?? 128 + constants.signals[signal ?? 'SIGKILL'], stdout: stdout(), stderr: stderr() });
    });
    // A program may end without having read all.
    child.stdin?.on('error', () => {}).end(stdin);
  });

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

/** Why a program could not be started, told from the error of spawn(). */
export function refusal(program: string, cause: unknown): OpError {
  const { code, message } = cause as NodeJS.ErrnoException;
  if (code === 'ENOENT')
    return new OpError('host', `${program}: not installed`, { hint: `Install the program ${program}.`, cause });
  return new OpError('host', `${program}: can't be started: ${message}`, { cause });
}

/** Ends the program and what it has started, and closes its output, which somebody who left the group may still hold. */
function kill(child: ChildProcess): void {
  try {
    if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
  for (const stream of child.stdio) stream?.destroy();
}

function text(stream: ChildProcess['stdout']): () => string {
  let all = '';
  stream?.setEncoding('utf8').on('data', (chunk: string) => (all += chunk));
  return () => (all.endsWith('\n') ? all.slice(0, -1) : all);
}
