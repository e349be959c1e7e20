// A process by its pid and start time, so that a number that was given to another process is seen (proc_pid_stat(5)).

import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';

/** When the process started, in the kernel's ticks (field 22); null when there is no such process or it is a zombie. */
export async function startTime(pid: number): Promise<string | null> {
  return startIn(await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => ''));
}

/** `startTime` at once. */
export function startTimeNow(pid: number): string | null {
  try {
    return startIn(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return null;
  }
}

function startIn(stat: string): string | null {
  // The program's name, in parentheses, may hold blanks and parentheses.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields[0] === 'Z' ? null : (fields[19] ?? null);
}
