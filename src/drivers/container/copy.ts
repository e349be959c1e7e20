// A container's root from the template's tree, with as little copying as the file system allows (btrfs(8), cp(1), overlay).

import { chown, mkdir, mkdtemp } from 'node:fs/promises';
import { OpError } from '../../error.ts';
import { type Exec, run } from '../exec.ts';
import type { Layout } from './config.ts';
import { BTRFS, discard, fileSystem } from './discard.ts';

/**
 * How a root below `folder` is made from `tree`: a btrfs snapshot, a reflinked copy, an overlay, else a plain copy.
 * Each is tried on something small, so that what is chosen works on this kernel and these file systems.
 */
export async function layout(exec: Exec, tree: string, folder: string, type = fileSystem): Promise<Layout> {
  await mkdir(folder, { recursive: true });
  const probe = await mkdtemp(`${folder}/.op-dbus-probe-`);
  try {
    if ((await type(tree)) === BTRFS && (await type(folder)) === BTRFS) {
      const argv = ['btrfs', 'subvolume', 'snapshot', tree, `${probe}/snapshot`] as const;
      if (await works(exec, [...argv])) return 'btrfs';
    }
    const reflink = ['cp', '--reflink=always', `${tree}/etc/os-release`, `${probe}/file`] as const;
    if (await works(exec, [...reflink])) return 'reflink';
    for (const part of ['upper', 'work', 'mount']) await mkdir(`${probe}/${part}`);
    // As LXC does it for an unprivileged container, in a user namespace; the mount goes with the process.
    const options = `lowerdir=${tree},upperdir=${probe}/upper,workdir=${probe}/work`;
    const overlay = ['mount', '-t', 'overlay', 'overlay', '-o', options, `${probe}/mount`] as const;
    return (await works(exec, ['unshare', '--user', '--map-root-user', '--mount', ...overlay])) ? 'overlay' : 'copy';
  } finally {
    await discard(exec, probe, type);
  }
}

/** Makes the root of a container in its folder. */
export async function makeRoot(
  exec: Exec,
  how: Layout,
  { tree, folder, base }: { readonly tree: string; readonly folder: string; readonly base: number },
): Promise<void> {
  if (how === 'overlay') {
    for (const part of ['upper', 'work']) {
      await mkdir(`${folder}/${part}`, { mode: 0o755 });
      await chown(`${folder}/${part}`, base, base);
    }
  } else if (how === 'btrfs') await run(exec, ['btrfs', 'subvolume', 'snapshot', tree, `${folder}/rootfs`]);
  else {
    const reflink = `--reflink=${how === 'reflink' ? 'always' : 'auto'}`;
    // It ends with us: what an interrupted command left is to be removed while nothing writes to it.
    const argv = ['setpriv', '--pdeathsig', 'KILL', 'cp', '-a', reflink, tree, `${folder}/rootfs`] as const;
    await run(exec, argv, { deadline: 300_000 });
  }
}

/** `lxc.rootfs.path` of a root in `folder`, and the folder that writes go to while the container is stopped. */
export function rootPath(how: Layout, tree: string, folder: string): { readonly lxc: string; readonly upper: string } {
  return how === 'overlay'
    ? { lxc: `overlay:${tree}:${folder}/upper`, upper: `${folder}/upper` }
    : { lxc: `dir:${folder}/rootfs`, upper: `${folder}/rootfs` };
}

async function works(exec: Exec, argv: [string, ...string[]]): Promise<boolean> {
  try {
    return (await exec(argv)).code === 0;
  } catch (error) {
    if (error instanceof OpError && error.code === 'host') return false;
    throw error;
  }
}
