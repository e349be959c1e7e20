// Storages by /etc/pve/storage.cfg, and where the volumes of their content are (PVE::Storage; pvesm(1)).

import { readdir, readFile, stat } from 'node:fs/promises';
import { optional } from '../../src/drivers/container/record.ts';
import { Die } from './die.ts';
import type { Pve } from './pve.ts';

export type Storage = {
  readonly name: string;
  readonly type: string;
  /** Its folder, as the configuration has it: on the emulated node. */
  readonly path: string;
  readonly content: readonly string[];
  readonly disabled: boolean;
};

export type Volume = {
  readonly id: string;
  readonly content: string;
  readonly format: string;
  readonly vmid: number | null;
  readonly size: number;
};

export async function storages(pve: Pve): Promise<readonly Storage[]> {
  const text = (await optional(readFile(pve.below('/etc/pve/storage.cfg'), 'utf8'))) ?? '';
  return text.split(/^(?=\w+:)/m).flatMap((section) => {
    const [, type, name] = /^(\w+):\s*(\S+)\s*$/m.exec(section) ?? [];
    if (type === undefined || name === undefined) return [];
    const keys = new Map(
      [...section.matchAll(/^\s+(\S+)(?: +(.+?))? *$/gm)].map(([, key = '', value = '']) => [key, value]),
    );
    const content = keys.get('content')?.split(',') ?? ['images', 'rootdir', 'vztmpl', 'iso', 'backup', 'snippets'];
    return [{ name, type, path: keys.get('path') ?? '', content, disabled: keys.has('disable') }];
  });
}

/** @throws Die when it is not there, disabled, or out of reach. */
export async function storage(pve: Pve, name: string): Promise<Storage> {
  const found = (await storages(pve)).find((one) => one.name === name);
  if (found === undefined) throw new Die(`storage '${name}' does not exist`);
  if (found.disabled) throw new Die(`storage '${name}' is disabled`);
  if (pve.control.unavailable?.includes(name))
    throw new Die(`storage '${name}' is not available on node '${pve.node}'`);
  return found;
}

/** Folder of a content below the storage's, and what its files are called. */
const contents: Readonly<Record<string, { folder: string; files: RegExp }>> = {
  vztmpl: { folder: 'template/cache', files: /\.tar\.(gz|xz|zst|bz2)$/ },
  snippets: { folder: 'snippets', files: /./ },
  iso: { folder: 'template/iso', files: /\.(iso|img)$/i },
  backup: { folder: 'dump', files: /^vzdump-/ },
};

/** Where a volume is on this machine, whether it is there or not. @throws Die for what is no volume's id. */
export async function volumePath(pve: Pve, id: string): Promise<string> {
  const [, name, rest] = /^([a-zA-Z][\w.-]*):(.+)$/.exec(id) ?? [];
  if (name === undefined || rest === undefined) throw new Die(`unable to parse volume ID '${id}'`);
  const { path, type } = await storage(pve, name);
  const [, content = '', file] = /^([a-z]+)\/([^/]+)$/.exec(rest) ?? [];
  if (file !== undefined && Object.hasOwn(contents, content))
    return pve.below(`${path}/${contents[content]?.folder}/${file}`);
  const [, vmid, image = ''] =
    /^(?:\d+\/base-\d+-disk-\d+\.\w+\/)?(\d+)\/((?:vm|base|subvol)-\d+-disk-\d+\.(?:raw|subvol))$/.exec(rest) ?? [];
  if (vmid === undefined) throw new Die(`unable to parse directory volume name '${rest}'`);
  const inside = type === 'btrfs' && image.endsWith('.raw') ? `${image.slice(0, -'.raw'.length)}/disk.raw` : image;
  return pve.below(`${path}/images/${vmid}/${inside}`);
}

/** A template's or a hookscript's file. @throws Die when there is none. */
export async function needFile(pve: Pve, id: string): Promise<string> {
  const path = id.startsWith('/') ? pve.below(id) : await volumePath(pve, id);
  if ((await optional(stat(path)))?.isFile() !== true) throw new Die(`can't find file '${id}'`);
  return path;
}

/** What a storage holds, sorted by id. */
export async function volumes(pve: Pve, name: string): Promise<readonly Volume[]> {
  const { path, content } = await storage(pve, name);
  const found: Volume[] = [];
  for (const [kind, { folder, files }] of Object.entries(contents))
    if (content.includes(kind))
      for (const file of (await optional(readdir(pve.below(`${path}/${folder}`)))) ?? [])
        if (files.test(file))
          found.push({
            id: `${name}:${kind}/${file}`,
            content: kind,
            format: kind === 'vztmpl' ? `t${file.split('.').at(-1)}` : (file.split('.').at(-1) ?? ''),
            vmid: null,
            size: (await stat(pve.below(`${path}/${folder}/${file}`))).size,
          });
  for (const vmid of (await optional(readdir(pve.below(`${path}/images`)))) ?? [])
    for (const entry of await readdir(pve.below(`${path}/images/${vmid}`))) {
      const image = /\.(raw|subvol)$/.test(entry) ? entry : `${entry}.raw`;
      if (/^(vm|base|subvol)-\d+-disk-\d+\./.test(image))
        found.push({
          id: `${name}:${vmid}/${image}`,
          content: 'rootdir',
          format: image.split('.')[1] ?? '',
          vmid: Number(vmid),
          size: (await stat(await volumePath(pve, `${name}:${vmid}/${image}`))).size,
        });
    }
  return found.toSorted((a, b) => (a.id < b.id ? -1 : 1));
}
