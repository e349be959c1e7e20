// A container's volumes mounted at /var/lib/lxc/VMID/rootfs: for pct mount, and in the start's own view of the mounts.

import { chown, mkdir, readFile, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { optional } from '../../src/drivers/container/record.ts';
import { exec, run } from '../../src/drivers/exec.ts';
import type { Config } from './config.ts';
import { Die } from './die.ts';
import { indices } from './lxc.ts';
import { device, mount, rootfs } from './option.ts';
import type { Pve } from './pve.ts';
import { parseProperties } from './schema.ts';
import { BASE, mountVolume } from './volume.ts';

/** @returns where the root is mounted. */
export async function mountRoot(pve: Pve, vmid: number, { values }: Config): Promise<string> {
  const target = pve.below(`/var/lib/lxc/${vmid}/rootfs`);
  await mkdir(target, { recursive: true });
  await mountVolume(pve, parseProperties(values['rootfs'] ?? '', rootfs)['volume'] ?? '', target);
  for (const index of indices(values, 'mp')) {
    const { volume = '', mp = '', ro } = parseProperties(values[`mp${index}`] as string, mount);
    await mkdir(`${target}${mp}`, { recursive: true });
    if (!volume.startsWith('/')) await mountVolume(pve, volume, `${target}${mp}`);
    else if ((await optional(stat(volume))) === null) throw new Die(`directory '${volume}' does not exist`);
    else await run(exec, ['mount', '--bind', volume, `${target}${mp}`]);
    if (ro === '1') await run(exec, ['mount', '-o', 'remount,bind,ro', `${target}${mp}`]);
  }
  return target;
}

/** Quiet when nothing is mounted. */
export async function unmountRoot(pve: Pve, vmid: number): Promise<void> {
  const target = pve.below(`/var/lib/lxc/${vmid}/rootfs`);
  const mounts = (await readFile('/proc/self/mountinfo', 'utf8')).split('\n').map((line) => line.split(' ')[4] ?? '');
  for (const path of mounts.filter((one) => one === target || one.startsWith(`${target}/`)).toReversed())
    await run(exec, ['umount', path]);
}

/** Device nodes for the container, owned as it asks for. */
export async function makeDevices(pve: Pve, vmid: number, { values }: Config): Promise<void> {
  const shift = values['unprivileged'] === '1' ? BASE : 0;
  for (const index of indices(values, 'dev')) {
    const { path = '', mode = '0660', uid = '0', gid = '0' } = parseProperties(values[`dev${index}`] as string, device);
    const found = await optional(stat(path));
    if (found === null) throw new Die(`Device ${path} does not exist`);
    const node = pve.below(`/var/lib/lxc/${vmid}/passthrough${path}`);
    await mkdir(dirname(node), { recursive: true });
    await run(exec, ['rm', '-f', node]);
    const numbers = [found.rdev >> 8, found.rdev & 0xff].map(String);
    await run(exec, ['mknod', '-m', mode, node, found.isBlockDevice() ? 'b' : 'c', ...numbers]);
    await chown(node, shift + Number(uid), shift + Number(gid));
  }
}
