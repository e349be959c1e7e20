// Runs a program inside a container for a check or status: what can't be asked is an answer too.

import type { ExecOptions, ExecResult } from '../drivers/exec.ts';
import type { Host } from '../drivers/host.ts';

export async function ask(
  host: Host,
  container: string,
  argv: readonly [string, ...string[]],
  options: ExecOptions = {},
): Promise<ExecResult> {
  try {
    return await host.containers.exec(container, argv, { stdin: '', ...options });
  } catch (error) {
    return { code: 1, stdout: '', stderr: error instanceof Error ? error.message : String(error) };
  }
}
