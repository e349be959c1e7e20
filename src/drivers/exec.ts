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
  /** An open file or folder of ours that the program has as its descriptor 3. */
  readonly descriptor?: number;
};

/**
 * What a program that ran to its end left behind: its exit status (128 + n when signal n ended it) and its output as
 * UTF-8, without one newline at the end.
 */
export type ExecResult = { readonly code: number; readonly stdout: string; readonly stderr: string };

/**
 * Runs `argv` and returns its result, whatever the exit status, once the program and all that writes to its output
 * have ended. It runs in a session of its own: Ctrl-C on our terminal is not for it.
 * @throws OpError `host` when the program can't be started or writes more than 16 MiB (then it is killed as by the
 * deadline), `timeout` when the deadline passed.
 */
export type Exec = (argv: readonly [string, ...string[]], options?: ExecOptions) => Promise<ExecResult>;

/** Bytes of standard output and error together: what runs in a container may write without end. */
const LIMIT = 16 * 1024 * 1024;

/** How long a program that was killed may take to go: one that waits for a dead disk doesn't. */
const GRACE = 1000;

export const exec: Exec = ([program, ...args], { stdin, deadline = 30_000, env, descriptor } = {}) =>
  new Promise((resolve, reject) => {
    const refuse = (cause: unknown): void => reject(refusal(program, cause));
    let child: ChildProcess;
    try {
      child = spawn(program, args, {
        detached: true,
        env: { ...process.env, LC_ALL: 'C', ...env },
        stdio: [
          stdin === undefined ? 'ignore' : 'pipe',
          'pipe',
          'pipe',
          ...(descriptor === undefined ? [] : [descriptor]),
        ],
      });
    } catch (error) {
      // Too long a vector is told at once, most else by the event.
      return refuse(error);
    }
    const timers: NodeJS.Timeout[] = [];
    let ended: OpError | null = null;
    const end = (why: OpError): void => {
      if (ended !== null) return;
      ended = why;
      kill(child);
      timers.push(setTimeout(reject, GRACE, why));
    };
    if (deadline) {
      const late = (): void => end(new OpError('timeout', `${program}: no answer within ${deadline / 1000} s`));
      timers.push(setTimeout(late, deadline));
    }
    let length = 0;
    const count = (chunk: Buffer): void => {
      length += chunk.length;
      if (length > LIMIT) end(new OpError('host', `${program}: more than 16 MiB of output`));
    };
    const [stdout, stderr] = [text(child.stdout, count), text(child.stderr, count)];
    child.on('error', (error) => {
      for (const timer of timers) clearTimeout(timer);
      refuse(error);
    });
    child.on('close', (code, signal) => {
      for (const timer of timers) clearTimeout(timer);
      if (ended !== null) reject(ended);
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

function text(stream: ChildProcess['stdout'], count: (chunk: Buffer) => void): () => string {
  const chunks: Buffer[] = [];
  stream?.on('data', (chunk: Buffer) => {
    chunks.push(chunk);
    count(chunk);
  });
  return () => Buffer.concat(chunks).toString('utf8').replace(/\n$/, '');
}
