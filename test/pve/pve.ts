// The emulated node: its root folder, its control file <root>/etc/pve-double.json, its name; made on first use.

import { mkdir, readdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { optional } from '../../src/drivers/container/record.ts';
import { Die } from './die.ts';

/** What a test may make go wrong, or otherwise. Every key may be missing. */
export type Control = {
  /** The major version that is emulated: on 8 containers are privileged unless told, on 9 unprivileged. */
  readonly version?: 8 | 9;
  /** The node's name; the machine's host name unless told. */
  readonly node?: string;
  /** False: the cluster has lost its quorum, so nothing below /etc/pve can be written. */
  readonly quorum?: boolean;
  /** Storages that the node can't reach. */
  readonly unavailable?: readonly string[];
  /** Verb of pct → what its task fails with, once it has begun. */
  readonly fail?: Readonly<Record<string, string>>;
  /** Verb of pct → milliseconds that its task takes longer, under the container's lock. */
  readonly delay?: Readonly<Record<string, number>>;
  /** Volumes have no content, and so nothing that needs root: for tests of everything else. */
  readonly hollow?: boolean;
  /** Milliseconds that a container's lock is waited for: 10,000 on the real one. */
  readonly patience?: number;
};

export type Streams = {
  readonly root: string;
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
};

export type Pve = {
  readonly control: Control;
  readonly node: string;
  /** The folder as the programs of LXC need it: `/` for the machine's own. */
  readonly root: string;
  /** `/etc/pve` → where that is. */
  readonly below: (path: string) => string;
  /** A line on standard output, and on standard error. */
  readonly say: (line: string) => void;
  readonly warn: (line: string) => void;
};

const STORAGES = `dir: local
\tpath /var/lib/vz
\tcontent iso,vztmpl,backup,snippets

btrfs: local-btrfs
\tpath /var/lib/pve/local-btrfs
\tcontent iso,vztmpl,backup,images,rootdir
`;

/** The node below `root`. What the installation of a real one has put there is made when it is missing. */
export async function open({ root, out, err }: Streams): Promise<Pve> {
  const top = root.replace(/\/+$/, '');
  const below = (path: string): string => `${top}${path}`;
  const text = await optional(readFile(below('/etc/pve-double.json'), 'utf8'));
  const control = JSON.parse(text ?? '{}') as Control;
  const node = control.node ?? hostname().split('.')[0] ?? 'pve';
  const say = (line: string): void => out(`${line}\n`);
  const pve: Pve = { control, node, root: top === '' ? '/' : top, below, say, warn: (line) => err(`${line}\n`) };
  for (const kind of ['lxc', 'qemu-server']) {
    await mkdir(below(`/etc/pve/nodes/${node}/${kind}`), { recursive: true });
    await symlink(`nodes/${node}/${kind}`, below(`/etc/pve/${kind}`)).catch(exists);
  }
  for (const path of ['/run/lock/lxc', '/run/pve', '/var/lib/lxc', '/var/lib/vz/template/cache'])
    await mkdir(below(path), { recursive: true });
  await writeFile(below('/etc/pve/storage.cfg'), STORAGES, { flag: 'wx' }).catch(exists);
  await writeIds(pve);
  return pve;
}

/** Rewrites /etc/pve/.vmlist, where the ids of all containers and virtual machines are. */
export async function writeIds(pve: Pve): Promise<void> {
  const ids: Record<string, { node: string; type: string; version: number }> = {};
  for (const node of await readdir(pve.below('/etc/pve/nodes')))
    for (const [folder, type] of [
      ['lxc', 'lxc'],
      ['qemu-server', 'qemu'],
    ] as const)
      for (const file of (await optional(readdir(pve.below(`/etc/pve/nodes/${node}/${folder}`)))) ?? []) {
        const id = /^(\d+)\.conf$/.exec(file)?.[1];
        if (id !== undefined) ids[id] = { node, type, version: 1 };
      }
  await replace(pve.below('/etc/pve/.vmlist'), `${JSON.stringify({ version: 1, ids }, null, 1)}\n`);
}

/** @throws Die when nothing below /etc/pve can be changed. */
export function needQuorum({ control }: Pve): void {
  if (control.quorum === false) throw new Die('cluster not ready - no quorum?');
}

/** Writes a file whole: beside it first. */
export async function replace(path: string, text: string): Promise<void> {
  const fresh = `${path}.tmp.${process.pid}`;
  try {
    await writeFile(fresh, text);
    await rename(fresh, path);
  } catch (error) {
    await rm(fresh, { force: true });
    throw error;
  }
}

function exists(error: unknown): void {
  if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
}
