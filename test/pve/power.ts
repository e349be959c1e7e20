// pct start, stop, shutdown, reboot: the container under its supervisor, hookscripts around it (PVE::LXC vm_start, vm_stop).

import { spawn } from 'node:child_process';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { optional } from '../../src/drivers/container/record.ts';
import { exec } from '../../src/drivers/exec.ts';
import { source } from '../../src/drivers/source.ts';
import { applied } from './change.ts';
import type { Config } from './config.ts';
import { Die } from './die.ts';
import { load, running, store } from './guest.ts';
import { hookscript } from './hookscript.ts';
import { locked, needUnlocked } from './lock.ts';
import { writeLxcConfig } from './lxc.ts';
import { unmountRoot } from './mounted.ts';
import type { Pve } from './pve.ts';
import { midway } from './task.ts';

/** Before the task: what pct says at once. @throws Die */
export async function startable(pve: Pve, vmid: number, skiplock: boolean): Promise<void> {
  const { values } = await load(pve, vmid);
  if (await running(pve, vmid)) throw new Die(`CT ${vmid} already running`);
  check(values, skiplock);
}

/** Starts it, under its lock, with what was pending. @throws Die */
export function start(pve: Pve, vmid: number, skiplock = false): Promise<void> {
  return locked(pve, vmid, async () => {
    const before = await load(pve, vmid);
    check(before.values, skiplock);
    if (await running(pve, vmid)) throw new Die(`CT ${vmid} already running`);
    await unmountRoot(pve, vmid);
    const { lock: _, ...values } = before.values;
    const config = applied(before.values['lock'] === 'mounted' ? { ...before, values } : before);
    if (config.values !== before.values) await store(pve, vmid, config);
    await hookscript(pve, vmid, config, 'pre-start');
    await midway(pve, 'start');
    await writeLxcConfig(pve, vmid, config);
    await launch(pve, vmid);
    await hookscript(pve, vmid, config, 'post-start');
  });
}

/** @throws Die when it is not running. */
export async function needRunning(pve: Pve, vmid: number): Promise<void> {
  await load(pve, vmid);
  if (!(await running(pve, vmid))) throw new Die(`CT ${vmid} not running`);
}

/** `how` is what lxc-stop(1) is told. @throws Die */
export function stop(pve: Pve, vmid: number, verb: string, how: readonly string[], skiplock = false): Promise<void> {
  return locked(pve, vmid, async () => {
    const config = await load(pve, vmid);
    if (!skiplock && config.values['lock'] !== 'mounted') needUnlocked(config);
    if (!(await running(pve, vmid))) return;
    await midway(pve, verb);
    await halt(pve, vmid, config, how);
  });
}

/** Stops and starts it by its supervisor, without the hookscript's starts. @throws Die */
export function reboot(pve: Pve, vmid: number, timeout: number): Promise<void> {
  return locked(pve, vmid, async () => {
    const config = await load(pve, vmid);
    needUnlocked(config);
    await midway(pve, 'reboot');
    await hookscript(pve, vmid, config, 'pre-stop');
    const request = pve.below(`/var/lib/lxc/${vmid}/reboot`);
    const first = await inits(pve, vmid);
    await writeFile(request, '');
    const failure = await lxcStop(pve, vmid, ['--nokill', '-t', String(timeout)]);
    if (failure !== null) {
      await rm(request, { force: true });
      throw new Die(failure);
    }
    await until(60_000, async () => {
      const now = await inits(pve, vmid);
      return now !== '' && now !== first;
    });
  });
}

/** Stops it; its lock is held by the caller. */
export async function halt(pve: Pve, vmid: number, config: Config, how: readonly string[]): Promise<void> {
  await hookscript(pve, vmid, config, 'pre-stop');
  const failure = await lxcStop(pve, vmid, how);
  if (failure !== null) throw new Die(failure);
  // Its last hooks have run when the supervisor has written how it ended.
  await until(30_000, async () => (await optional(readFile(exitFile(pve, vmid)))) !== null);
}

function check(values: Config['values'], skiplock: boolean): void {
  if (values['template'] === '1') throw new Die("you can't start a CT if it's a template");
  if (!skiplock && values['lock'] !== undefined && values['lock'] !== 'mounted')
    throw new Die(`CT is locked (${values['lock']})`);
}

async function launch(pve: Pve, vmid: number): Promise<void> {
  const ids = (await optional(readFile('/etc/subuid', 'utf8'))) ?? '';
  if (!/^root:100000:65536$/m.test(ids)) pve.warn('/etc/subuid has no line root:100000:65536, which a real node has');
  await rm(exitFile(pve, vmid), { force: true });
  await rm(pve.below(`/var/lib/lxc/${vmid}/reboot`), { force: true });
  const argv = [source('test/pve/supervise.sh'), pve.below('/var/lib/lxc'), String(vmid)];
  const env = { ...process.env, PVE_ROOT: pve.root };
  spawn('/bin/sh', argv, { detached: true, stdio: 'ignore', env }).unref();
  let ended: string | null = null;
  await until(90_000, async () => {
    ended = await optional(readFile(exitFile(pve, vmid), 'utf8'));
    return ended !== null || (await isUp(pve, vmid));
  });
  if (ended === null) return;
  const log = (await optional(readFile(pve.below(`/var/lib/lxc/${vmid}/log`), 'utf8'))) ?? '';
  for (const line of log.split('\n'))
    if (/ ERROR /.test(line)) pve.warn(line.replace(/^lxc-start (\d+) \S+ /, 'run_buffer: '));
  const said = await optional(readFile(pve.below(`/var/lib/lxc/${vmid}/hook-error`), 'utf8'));
  if (said !== null) pve.warn(said.trim());
  throw new Die(`startup for container '${vmid}' failed`);
}

async function isUp(pve: Pve, vmid: number): Promise<boolean> {
  if (!(await running(pve, vmid))) return false;
  const { stdout } = await exec(['lxc-info', '-P', pve.below('/var/lib/lxc'), '-n', String(vmid), '-s', '-H']);
  return stdout === 'RUNNING';
}

async function inits(pve: Pve, vmid: number): Promise<string> {
  if (!(await isUp(pve, vmid))) return '';
  return (await exec(['lxc-info', '-P', pve.below('/var/lib/lxc'), '-n', String(vmid), '-p', '-H'])).stdout;
}

/** @returns why it failed. */
async function lxcStop(pve: Pve, vmid: number, how: readonly string[]): Promise<string | null> {
  const argv = ['lxc-stop', '-n', String(vmid), ...how];
  const { code } = await exec(['lxc-stop', '-P', pve.below('/var/lib/lxc'), '-n', String(vmid), ...how], {
    deadline: null,
  });
  // 2: it ended by itself meanwhile.
  return code === 0 || code === 2 ? null : `command '${argv.join(' ')}' failed: exit code ${code}`;
}

function exitFile(pve: Pve, vmid: number): string {
  return pve.below(`/var/lib/lxc/${vmid}/exit`);
}

async function until(patience: number, done: () => Promise<boolean>): Promise<void> {
  for (const deadline = Date.now() + patience; !(await done()); await sleep(20))
    if (Date.now() > deadline) throw new Die('got timeout');
}
