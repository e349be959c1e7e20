// `lab down`: ends and removes whatever there is of a lab, with or without a record of it.

import { mkdir, readdir, readFile, rm, rmdir, stat, writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { exec, run } from '../drivers/exec.ts';
import { OpError } from '../error.ts';
import { alive, CGROUP, CGROUPS, FOLDER, readRecord, type Pid1 } from './record.ts';

/** Removes the lab: processes, cgroups, mounts, folder. Quiet when there is none. */
export async function remove(): Promise<void> {
  await mountCgroups();
  const hosts = Object.values((await readRecord())?.hosts ?? {});
  await kill(hosts);
  await removeCgroup(CGROUP);
  for (let tries = 0; ; tries += 1) {
    try {
      await unmount();
      await rm(FOLDER, { recursive: true, force: true });
      return;
    } catch (error) {
      // A program that a killed `lab up` had started may just be mounting or writing.
      if (tries === 20) throw error;
      await sleep(20);
    }
  }
}

/** Mounts our view of the cgroup2 hierarchy, if it isn't. */
export async function mountCgroups(): Promise<void> {
  await mkdir(CGROUPS, { recursive: true, mode: 0o700 });
  if ((await mounts()).includes(CGROUPS)) return;
  const mount = await exec(['mount', '-t', 'cgroup2', 'cgroup2', CGROUPS]);
  // A killed `lab up` may have been about to do the same.
  if (mount.code === 0 || (await mounts()).includes(CGROUPS)) return;
  throw new OpError('host', `mounting a cgroup2 hierarchy: ${mount.stderr.trim()}`, {
    hint: 'The lab needs root with the right to mount: not a container without privileges.',
  });
}

/** Kills everything in the lab's cgroup, so every host's pid 1, with which the kernel ends all of its host. */
async function kill(recorded: readonly Pid1[]): Promise<void> {
  for (let waited = 0; waited < 10_000; waited += 10) {
    // In each round anew: a `lab up` that was killed may just have started one more.
    await writeFile(`${CGROUP}/cgroup.kill`, '1').catch(() => undefined);
    const left = [];
    for (const pid1 of recorded) if (await alive(pid1)) left.push(pid1);
    for (const { pid } of left) end(pid);
    const events = await readFile(`${CGROUP}/cgroup.events`, 'utf8').catch(() => 'populated 0');
    if (left.length === 0 && events.includes('populated 0')) return;
    await sleep(10);
  }
  throw new OpError('timeout', 'processes of the lab do not end', { hint: `See ${CGROUP}/*/cgroup.procs.` });
}

/** Kills a process that may be gone by now. */
function end(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}

async function removeCgroup(path: string): Promise<void> {
  const isThere = await stat(path).catch(() => null);
  if (isThere === null) return;
  const entries = await readdir(path, { withFileTypes: true });
  for (const entry of entries) if (entry.isDirectory()) await removeCgroup(`${path}/${entry.name}`);
  // A cgroup whose last process is only just gone may be busy for a moment.
  for (let tries = 0; ; tries += 1) {
    try {
      await rmdir(path);
      return;
    } catch (error) {
      if (tries === 500) throw error;
      await sleep(10);
    }
  }
}

/** Unmounts what is mounted below the folder, innermost first; what is below must be gone before files are removed. */
async function unmount(): Promise<void> {
  const ours = (await mounts()).filter((path) => path === FOLDER || path.startsWith(`${FOLDER}/`));
  for (const path of ours.toReversed()) await run(exec, ['umount', path]);
}

/** Mount points of the machine, in the order of mounting (proc_pid_mountinfo(5), field 5). */
async function mounts(): Promise<readonly string[]> {
  const text = await readFile('/proc/self/mountinfo', 'utf8');
  return text.split('\n').map((line) => line.split(' ')[4] ?? '');
}
