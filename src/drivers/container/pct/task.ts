// Whether Proxmox is at work on a container: its task is a process, and so is the pct that waits for it (proc(5)).

import { readdir, readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { OpError } from '../../../error.ts';
import { startTime } from '../../process.ts';

/** A verb of pct, and the process that carries it out, with its start time. */
export type Task = { readonly verb: string; readonly id: number; readonly pid: number; readonly start: string };

/**
 * Of the host's processes one that is at one of these verbs with one of these containers; null when none is. Both `pct VERB ID …`
 * and the task that it has begun count, whose command line is its UPID (PVE::RESTEnvironment fork_worker): a command
 * that was killed leaves them at work, and a lock in the configuration outlives them.
 */
export async function atWork(ids: readonly number[], verbs: readonly string[]): Promise<Task | null> {
  if (ids.length === 0) return null;
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name) && name !== String(process.pid));
  const found = await Promise.all(
    pids.map(async (pid): Promise<readonly Task[]> => {
      const task = taskOf(await text(pid, 'cmdline'));
      if (task === null || !verbs.includes(task.verb) || !ids.includes(task.id)) return [];
      const [status, start] = await Promise.all([text(pid, 'status'), startTime(Number(pid))]);
      return isHosts(status) && start !== null ? [{ ...task, pid: Number(pid), start }] : [];
    }),
  );
  return found.flat()[0] ?? null;
}

/**
 * Waits until Proxmox has ended what it starts, stops and sets of these containers.
 * @throws OpError `timeout` after `patience` milliseconds, naming the process.
 */
export async function settled(ids: readonly number[], patience: number): Promise<void> {
  let task: Task | null = null;
  for (const deadline = Date.now() + patience; ; await sleep(Math.min(100, patience / 10))) {
    // A process that is running another program has no command line for a moment: it is its end that counts.
    if (task === null || (await startTime(task.pid)) !== task.start)
      task = await atWork(ids, ['start', 'shutdown', 'stop', 'set']);
    if (task === null) return;
    if (Date.now() >= deadline) throw busy(task, patience);
  }
}

function busy({ verb, id, pid }: Task, patience: number): OpError {
  return new OpError('timeout', `pct ${verb} ${id}, process ${pid}, has not ended within ${patience / 1000} s`, {
    at: `container ${id}`,
    hint: `The web GUI lists the task, and ends it by Stop. Or wait until it has ended: ps -fp ${pid}`,
  });
}

/** From the text of /proc/PID/cmdline, whose arguments end in NUL. */
export function taskOf(line: string): Pick<Task, 'verb' | 'id'> | null {
  const [, verb, id] = /(?:^|[/\0])pct\0([a-z]+)\0(\d+)\0/.exec(line) ?? /:vz([a-z]+):(\d+):/.exec(line) ?? [];
  return verb === undefined ? null : { verb, id: Number(id) };
}

/** From the text of /proc/PID/status: what runs in a container, which may call itself anything, has a number there too. */
export function isHosts(status: string): boolean {
  return /^Uid:\t0\t/m.test(status) && /^NSpid:\t\d+$/m.test(status);
}

function text(pid: string, file: 'cmdline' | 'status'): Promise<string> {
  return readFile(`/proc/${pid}/${file}`, 'utf8').catch(() => '');
}
