// pct push, pull, exec, mount, unmount: ways into a container's root (PVE::API2::LXC, PVE::CLI::pct).

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { type FileHandle, open } from 'node:fs/promises';
import { constants } from 'node:os';
import { Die } from './die.ts';
import { load, running, store } from './guest.ts';
import { locked, needUnlocked } from './lock.ts';
import { mountRoot, unmountRoot } from './mounted.ts';
import type { Pve } from './pve.ts';
import { midway, task } from './task.ts';

export type Owner = { readonly user?: string; readonly group?: string; readonly perms?: string };

/** @returns 0, whatever became of it. */
export async function push(pve: Pve, vmid: number, from: string, to: string, owner: Owner): Promise<number> {
  await load(pve, vmid);
  return task(pve, 'push', async () => {
    await needOn(pve, vmid, 'can only push files to a running CT');
    await midway(pve, 'push');
    const file = await opened(from, 'r');
    try {
      const script = 'set -e; cat >"$0"; chown "$1:$2" "$0"; chmod "$3" "$0"';
      const { user = '0', group = '0', perms = '644' } = owner;
      await inside(pve, vmid, ['/bin/sh', '-c', script, to, user, group, perms], [file, 'ignore']);
    } finally {
      await file.close();
    }
  });
}

/** @returns 0, whatever became of it. */
export async function pull(pve: Pve, vmid: number, from: string, to: string, perms?: string): Promise<number> {
  await load(pve, vmid);
  return task(pve, 'pull', async () => {
    await needOn(pve, vmid, 'can only pull files from a running CT');
    await midway(pve, 'pull');
    const file = await opened(to, 'w');
    try {
      await inside(pve, vmid, ['cat', '--', from], ['ignore', file]);
      if (perms !== undefined) await file.chmod(Number.parseInt(perms, 8));
    } finally {
      await file.close();
    }
  });
}

/** Runs a program inside on our own input and output. @returns its exit status. @throws Die when it isn't running. */
export async function execute(pve: Pve, vmid: number, argv: readonly string[], keepEnv: boolean): Promise<number> {
  await load(pve, vmid);
  await needOn(pve, vmid, `container '${vmid}' not running!`);
  const clear = keepEnv ? [] : ['--clear-env'];
  const child = spawn('lxc-attach', ['-P', pve.below('/var/lib/lxc'), '-n', String(vmid), ...clear, '--', ...argv], {
    stdio: 'inherit',
  });
  // The terminal tells the program as well.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => child.kill(signal));
  const [code, signal] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null];
  return code ?? 128 + (signal === null ? 0 : constants.signals[signal]);
}

/** Mounts the root on the node, and marks the container as locked. */
export function mount(pve: Pve, vmid: number): Promise<void> {
  return locked(pve, vmid, async () => {
    const config = await load(pve, vmid);
    needUnlocked(config);
    await store(pve, vmid, { ...config, values: { ...config.values, lock: 'mounted' } });
    pve.say(`mounted CT ${vmid} in '${await mountRoot(pve, vmid, config)}'`);
  });
}

export function unmount(pve: Pve, vmid: number): Promise<void> {
  return locked(pve, vmid, async () => {
    const config = await load(pve, vmid);
    const { lock, ...values } = config.values;
    if (lock !== 'mounted')
      throw new Die(lock === undefined ? 'no lock found trying to remove lock mounted' : `CT is locked (${lock})`);
    await unmountRoot(pve, vmid);
    await store(pve, vmid, { ...config, values });
  });
}

async function needOn(pve: Pve, vmid: number, message: string): Promise<void> {
  if (!(await running(pve, vmid))) throw new Die(message);
}

async function opened(path: string, how: 'r' | 'w'): Promise<FileHandle> {
  return open(path, how).catch((error: Error) => {
    throw new Die(`failed to open ${path}: ${error.message}`);
  });
}

async function inside(
  pve: Pve,
  vmid: number,
  argv: readonly string[],
  [input, output]: readonly ['ignore' | FileHandle, 'ignore' | FileHandle],
): Promise<void> {
  const stdio = [input, output, 'inherit'].map((one) => (typeof one === 'string' ? one : one.fd));
  const child = spawn(
    'lxc-attach',
    ['-P', pve.below('/var/lib/lxc'), '-n', String(vmid), '--clear-env', '--', ...argv],
    {
      stdio: stdio as ('ignore' | 'inherit' | number)[],
    },
  );
  const [code] = (await once(child, 'exit')) as [number | null];
  if (code !== 0) throw new Die(`command '${argv[0]}' failed: exit code ${code}`);
}
