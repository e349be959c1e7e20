// Removes a tree and the subvolumes in it, which rm(1) would not enter (btrfs-subvolume(8)).

import { readFile, realpath, statfs } from 'node:fs/promises';
import { OpError } from '../../error.ts';
import { type Exec, run } from '../exec.ts';
import { optional } from './record.ts';

/** The type of the file system that `path` is on (statfs(2)); null when there is nothing at `path`. */
export type FileSystem = (path: string) => Promise<number | null>;

export const BTRFS = 0x9123683e;

export const fileSystem: FileSystem = async (path) => (await optional(statfs(path)))?.type ?? null;

/**
 * Removes what is at `path`; quiet when there is nothing. What is mounted below it is left alone.
 * @throws OpError `host` when something stays.
 */
export async function discard(exec: Exec, path: string, type = fileSystem): Promise<void> {
  const options = { deadline: 120_000 };
  if ((await type(path)) === BTRFS) {
    await insistUnmounted(path);
    // The root of a subvolume has this inode number; the inner ones go first. Programs in a container make some too.
    const subvolumes = ['find', path, '-depth', '-type', 'd', '-inum', '256'] as const;
    await run(exec, [...subvolumes, '-exec', 'btrfs', 'subvolume', 'delete', '--', '{}', '+'], options);
  }
  await run(exec, ['rm', '-rf', '--one-file-system', '--', path], options);
}

/** A subvolume that is only shown below `path` is somebody else's. */
async function insistUnmounted(path: string): Promise<void> {
  const real = (await optional(realpath(path))) ?? path;
  const mounts = (await readFile('/proc/self/mountinfo', 'utf8')).split('\n').map((line) => line.split(' ')[4] ?? '');
  const inside = mounts.map(plain).find((mount) => mount.startsWith(`${real}/`));
  if (inside !== undefined)
    throw new OpError('host', `${path} can't be removed: something is mounted on ${inside}`, {
      hint: `umount ${inside}`,
    });
}

/** proc_pid_mountinfo(5): white space and backslashes are octal. */
function plain(path: string): string {
  return path.replaceAll(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
}
