// The two locks of a container: flock(2) on /run/lock/lxc/pve-config-VMID.lock, and the key `lock` of its configuration.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { type FileHandle, open } from 'node:fs/promises';
import type { Config } from './config.ts';
import { Die } from './die.ts';
import type { Pve } from './pve.ts';

/** Runs `action` with the lock that every change of a container takes. @throws Die when it can't be had in 10 s. */
export async function locked<T>(pve: Pve, vmid: number, action: () => Promise<T>): Promise<T> {
  const path = pve.below(`/run/lock/lxc/pve-config-${vmid}.lock`);
  const file = await open(path, 'a', 0o644);
  try {
    if (!(await held(file, 0))) {
      pve.warn('trying to acquire lock...');
      const patience = pve.control.patience ?? 10_000;
      if (!(await held(file, patience))) throw new Die(`can't lock file '${path}' - got timeout`);
      pve.warn(' OK');
    }
    return await action();
  } finally {
    await file.close();
  }
}

/** @throws Die when somebody has marked the container as locked. */
export function needUnlocked({ values }: Config): void {
  if (values['lock'] !== undefined) throw new Die(`CT is locked (${values['lock']})`);
}

/** The lock belongs to the open file, which flock(1) shares with us while it asks for it. */
async function held(file: FileHandle, patience: number): Promise<boolean> {
  const argv = ['--timeout', String(patience / 1000), '--conflict-exit-code', '75', '3'];
  const child = spawn('flock', argv, { stdio: ['ignore', 'ignore', 'inherit', file.fd] });
  const [code] = (await once(child, 'exit')) as [number | null];
  if (code !== 0 && code !== 75) throw new Die(`flock: exit ${code}`);
  return code === 0;
}
