// What is kept of a container of Proxmox's on our side, and where Proxmox and the hook look.

import { mkdir, readdir, readFile, readlink, rename, rm, symlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import { replace } from '../place.ts';
import { type Entry, optional, removeEmpty } from '../record.ts';
import { type Conf, parseConf } from './config.ts';

/** `definition.json`, and `aside.json` of one that was put aside. */
export type PctEntry = Entry & {
  /** In the notes of a container that we have made, so that only such a one is ever destroyed; null of an adopted one. */
  readonly token: string | null;
  /** The links that an adopted one had: `net0` → `name=eth0,bridge=vmbr0,…`. */
  readonly before: Readonly<Record<string, string>>;
};

/** `making.json`: what `pct create` was begun for. */
export type Making = { readonly id: number; readonly token: string };

/** The configurations of this node: `pve` is /etc/pve. */
export function confs(pve: string) {
  const path = (id: number): string => `${pve}/lxc/${id}.conf`;
  const text = (id: number): Promise<string | null> => optional(readFile(path(id), 'utf8'));
  const read = async (id: number): Promise<Conf | null> => {
    const found = await text(id);
    return found === null ? null : parseConf(found);
  };
  return {
    path,
    text,
    read,
    lockOf: async (id: number): Promise<string | null> => (await read(id))?.keys['lock'] ?? null,
    /** All of this node, by id. */
    all: async (): Promise<ReadonlyMap<number, Conf>> => {
      const files = (await optional(readdir(`${pve}/lxc`))) ?? [];
      const ids = files.flatMap((file) => /^(\d+)\.conf$/.exec(file)?.[1] ?? []).map(Number);
      const found = await Promise.all(ids.map(async (id) => [id, await read(id)] as const));
      return new Map(
        found.flatMap(([id, conf]) => (conf === null ? [] : [[id, conf] as const])).toSorted(([a], [b]) => a - b),
      );
    },
    /** Whether another node of the cluster has it: it was migrated there. */
    elsewhere: async (id: number): Promise<boolean> => {
      const nodes = (await optional(readdir(`${pve}/nodes`))) ?? [];
      const there = nodes.map(async (node) => (await optional(readdir(`${pve}/nodes/${node}/lxc`))) ?? []);
      return (await Promise.all(there)).flat().includes(`${id}.conf`);
    },
  };
}

export type Confs = ReturnType<typeof confs>;

/** Whether Proxmox's notes of the container hold our token. */
export function carries({ notes }: Conf, token: string | null): boolean {
  return token !== null && notes.includes(token);
}

/** Whether `pct create` is still at work on it, or has died on the way: until its end it writes nothing but the lock. */
export function isUnborn({ keys }: Conf): boolean {
  return keys['lock'] === 'create' && keys['hostname'] === undefined;
}

/** `home`/vmid: by number, links to the records, which the hook follows. */
export function numbers(home: string) {
  const path = (id: number): string => `${home}/vmid/${id}`;
  return {
    put: async (id: number, name: string): Promise<void> => {
      const target = `../container/${name}`;
      if ((await optional(readlink(path(id)))) === target) return;
      await mkdir(`${home}/vmid`, { recursive: true, mode: 0o700 });
      await rm(`${path(id)}.new`, { force: true });
      await symlink(target, `${path(id)}.new`);
      await rename(`${path(id)}.new`, path(id));
    },
    remove: async (id: number): Promise<void> => {
      for (const end of ['', '.new']) await rm(`${path(id)}${end}`, { force: true });
      await removeEmpty(`${home}/vmid`);
    },
    all: async (): Promise<readonly number[]> => {
      const names = (await optional(readdir(`${home}/vmid`))) ?? [];
      return names.flatMap((name) => (/^\d+$/.test(name) ? [Number(name)] : []));
    },
  };
}

/**
 * The drop-in that makes LXC run the hook for every container of the host. Without the hook it lets each start as if it were
 * not there.
 */
export async function installDropIn(path: string, hook: string): Promise<void> {
  const run = `/bin/sh -c '[ ! -x ${hook} ] || exec ${hook} --any "$@"' op-dbus`;
  const lines = ['pre-start', 'start-host', 'stop'].map((type) => `lxc.hook.${type} = ${run}\n`);
  const text = `# Written by op-dbus: networks of its containers; others are let pass. Gone after op-dbus down.\n${lines.join('')}`;
  if ((await optional(readFile(path, 'utf8'))) === text) return;
  await mkdir(dirname(path), { recursive: true });
  await replace(path, text, 0o644);
}

/** Removes it, and what an interrupted command left of it. */
export async function removeDropIn(path: string): Promise<void> {
  for (const end of ['', '.new']) await rm(`${path}${end}`, { force: true });
}
