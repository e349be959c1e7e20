// Volumes of containers' roots: made, filled from a template, copied, mounted, removed (PVE::LXC::Create, PVE::LXC mount_all).
//
// An image's file is only a name here: its content is a tree beside the containers, `.volume/STORAGE/VMID/IMAGE`, that is
// not where an image's content would be. So whoever wants to see it needs a mount of the container, as with a real image.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chown, mkdir, open, readdir, readFile, rename, rm, rmdir, stat, truncate, writeFile } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { optional } from '../../src/drivers/container/record.ts';
import { exec, run } from '../../src/drivers/exec.ts';
import { Die } from './die.ts';
import type { Pve } from './pve.ts';
import { volumePath } from './storage.ts';

/** First id of the range of an unprivileged container's users. */
export const BASE = 100_000;

/** The first line of a template that stands for a tree of op-dbus's template cache, whose owners are shifted by `BASE`. */
export const TREE = 'pve-double tree: ';

/** Makes an empty volume of `gib` GiB; 0 makes a folder. @returns its id. */
export async function allocate(pve: Pve, storage: string, vmid: number, gib: number): Promise<string> {
  for (let disk = 0; ; disk += 1) {
    const id = `${storage}:${vmid}/${gib === 0 ? `subvol-${vmid}-disk-${disk}.subvol` : `vm-${vmid}-disk-${disk}.raw`}`;
    const path = await volumePath(pve, id);
    if ((await optional(stat(path))) !== null) continue;
    await mkdir(dirname(path), { recursive: true });
    if (gib === 0) await mkdir(path);
    else {
      await writeFile(path, '');
      await truncate(path, Math.round(gib * 1024 ** 3));
      const empty = `${await treeFolder(pve, id)}/upper`;
      await mkdir(empty, { recursive: true });
      if (pve.control.hollow !== true) await chown(empty, BASE, BASE);
    }
    return id;
  }
}

/** Unpacks a template. */
export async function fill(pve: Pve, id: string, archive: string, unprivileged: boolean): Promise<void> {
  if (pve.control.hollow === true) return;
  const tree = await treeOf(archive);
  const folder = await treeFolder(pve, id);
  if (tree !== null && unprivileged && !isFolder(id)) {
    await mkdir(`${folder}/work`);
    await writeFile(`${folder}/lower`, tree);
    return;
  }
  const target = isFolder(id) ? folder : `${folder}/upper`;
  const mapped = ['lxc-usernsexec', '-m', `b:0:${BASE}:65536`, '--'];
  await chown(target, unprivileged ? BASE : 0, unprivileged ? BASE : 0);
  if (tree === null) {
    const unpack = ['tar', '-x', '-p', '--numeric-owner', '--exclude=./dev/*', '-f', archive, '-C', target];
    await run(exec, [...(unprivileged ? mapped : []), ...unpack] as [string, ...string[]], { deadline: 300_000 });
  } else if (unprivileged) await run(exec, ['cp', '-a', '--reflink=auto', `${tree}/.`, target], { deadline: 300_000 });
  // Seen from inside the range the owners are those that a privileged container needs.
  else await pipe([...mapped, 'tar', '-c', '-C', tree, '.'], ['tar', '-x', '-p', '--numeric-owner', '-C', target]);
}

/** Keeps a copy of the content as it is now. */
export async function snapshotVolume(pve: Pve, id: string, name: string): Promise<void> {
  const folder = await treeFolder(pve, id);
  await copy(folder, `${folder}@${name}`);
}

/** Copies a volume's content, or a snapshot's of it, into a new one. */
export async function copyVolume(pve: Pve, from: string, to: string, snapshot?: string): Promise<void> {
  const [source, target] = [await treeFolder(pve, from), await treeFolder(pve, to)];
  await copy(snapshot === undefined ? source : `${source}@${snapshot}`, target);
}

/** Gives a volume another id on its storage. */
export async function renameVolume(pve: Pve, from: string, to: string): Promise<void> {
  const [old, fresh] = [await treeFolder(pve, from), await treeFolder(pve, to)];
  if (isFolder(from)) return rename(old, fresh);
  const [image, target] = [await volumePath(pve, from), await volumePath(pve, to)];
  // On btrfs it is the image's folder that has the name.
  const named = (path: string): string => (path.endsWith('/disk.raw') ? dirname(path) : path);
  await rename(named(image), named(target));
  if ((await optional(stat(old))) !== null) await rename(old, fresh);
}

export async function removeVolume(pve: Pve, id: string): Promise<void> {
  const path = await volumePath(pve, id);
  const folder = await treeFolder(pve, id);
  for (const name of (await optional(readdir(dirname(folder)))) ?? [])
    if (name === basename(folder) || name.startsWith(`${basename(folder)}@`))
      await rm(`${dirname(folder)}/${name}`, { recursive: true, force: true });
  await rm(path.endsWith('/disk.raw') ? dirname(path) : path, { recursive: true, force: true });
  for (const parent of [dirname(folder), dirname(path), dirname(dirname(path))])
    if (/\/\d+$/.test(parent)) await rmdir(parent).catch(() => {});
}

/** Mounts a volume. `target` is there. */
export async function mountVolume(pve: Pve, id: string, target: string): Promise<void> {
  const folder = await treeFolder(pve, id);
  const lower = await optional(readFile(`${folder}/lower`, 'utf8'));
  if (lower !== null) {
    const options = `lowerdir=${lower},upperdir=${folder}/upper,workdir=${folder}/work`;
    await run(exec, ['mount', '-t', 'overlay', 'overlay', '-o', options, target]);
    return;
  }
  const tree = isFolder(id) ? folder : `${folder}/upper`;
  if ((await optional(stat(tree))) === null) throw new Die(`volume '${id}' does not exist`);
  await run(exec, ['mount', '--bind', tree, target]);
}

function isFolder(id: string): boolean {
  return id.endsWith('.subvol');
}

/** Where the content is. */
async function treeFolder(pve: Pve, id: string): Promise<string> {
  if (isFolder(id)) return volumePath(pve, id);
  return pve.below(`/var/lib/lxc/.volume/${id.replace(':', '/')}`);
}

async function copy(from: string, to: string): Promise<void> {
  await run(exec, ['cp', '-a', '--reflink=auto', '-T', from, to], { deadline: 300_000 });
}

async function treeOf(archive: string): Promise<string | null> {
  const file = await open(archive);
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(4096), 0, 4096, 0);
    const text = buffer.subarray(0, bytesRead).toString('latin1');
    return text.startsWith(TREE) ? text.slice(TREE.length).trim() : null;
  } finally {
    await file.close();
  }
}

async function pipe(from: readonly string[], to: readonly string[]): Promise<void> {
  const [first = '', ...firstArgs] = from;
  const [second = '', ...secondArgs] = to;
  const reader = spawn(second, secondArgs, { stdio: ['pipe', 'ignore', 'inherit'] });
  const writer = spawn(first, firstArgs, { stdio: ['ignore', reader.stdin, 'inherit'] });
  reader.stdin.destroy();
  const codes = await Promise.all([once(writer, 'exit'), once(reader, 'exit')]);
  if (codes.some(([code]) => code !== 0)) throw new Die(`unpacking failed: ${codes.map(([code]) => code).join(', ')}`);
}
