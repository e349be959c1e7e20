// Runs a guest to its end: its output on ours, a deadline, its status.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { OpError } from '../../src/error.ts';

export type BootOptions = {
  /** Added to the environment. */
  readonly env: Readonly<Record<string, string>>;
  /** The guest tells its status in `status` of this folder, and its kernel writes to `kernel`. */
  readonly folder: string;
  /** Milliseconds after which the guest is killed. */
  readonly deadline: number;
};

/**
 * Runs `argv` (qemu) until it ends, or is killed at the deadline or with us, however we end. A signal for us is one for it.
 * @returns the status that the guest told.
 * @throws OpError `timeout` at the deadline, `check` when it ended without one; both with the end of the kernel's output.
 */
export async function boot(
  argv: readonly [string, ...string[]],
  { env, folder, deadline }: BootOptions,
): Promise<number> {
  const child = spawn('setpriv', ['--pdeathsig', 'KILL', ...argv], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  const end = once(child, 'exit');
  const kill = () => child.kill('SIGKILL');
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  for (const signal of signals) process.on(signal, kill);
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    kill();
  }, deadline);
  try {
    await end;
  } finally {
    clearTimeout(timer);
    for (const signal of signals) process.off(signal, kill);
  }
  const told = (await read(`${folder}/status`)).trim();
  if (!late && /^\d+$/.test(told)) return Number(told);
  const said = (await read(`${folder}/kernel`)).trim().split('\n').slice(-40).join('\n');
  const why = late ? `the guest was killed after ${deadline / 60_000} minutes` : 'the guest ended without a result';
  throw new OpError(late ? 'timeout' : 'check', why, { hint: `Its kernel's last words:\n${said}` });
}

async function read(path: string): Promise<string> {
  return readFile(path, 'utf8').catch(() => '');
}
