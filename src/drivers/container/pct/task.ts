// Whether somebody is at work on a creation: Proxmox's task is a process, and so is the pct that waits for it (proc(5)).

import { readdir, readFile } from 'node:fs/promises';

/**
 * Whether a process makes the container: `pct create ID …`, or the task that it has begun, whose command line is its UPID
 * (PVE::RESTEnvironment fork_worker). A lock in the configuration outlives both.
 */
export async function isBeingMade(id: number): Promise<boolean> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const lines = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')));
  return lines.some((line) => line.includes(`pct\0create\0${id}\0`) || line.includes(`:vzcreate:${id}:`));
}
