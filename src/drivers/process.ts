// A process by its pid and start time, so that a number that was given to another process is seen (proc_pid_stat(5)).

import { readFile } from 'node:fs/promises';

/** When the process started, in the kernel's ticks (field 22); null when there is no such process or it is a zombie. */
export async function startTime(pid: number): Promise<string | null> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => null);
  // The program's name, in parentheses, may hold blanks and parentheses.
  const fields = stat?.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields === undefined || fields[0] === 'Z' ? null : (fields[19] ?? null);
}
