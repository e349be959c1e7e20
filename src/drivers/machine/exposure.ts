// What others than root can read or change, from a path downwards (inode(7), path_resolution(7)).

import type { Stats } from 'node:fs';
import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { OpError } from '../../error.ts';
import type { Exposed } from './contract.ts';

/** All should be `owner`'s. Symbolic links are neither followed nor told of: what counts is the modes of what they name. */
export async function exposure(path: string, owner = 0): Promise<readonly Exposed[]> {
  const stat = await missing(() => lstat(path));
  if (stat === null || stat.isSymbolicLink()) return [];
  const open = how(stat, owner);
  const own = open === null ? [] : [{ path, how: open }];
  // Neither group nor others may enter.
  if (!stat.isDirectory() || (stat.uid === owner && (stat.mode & 0o011) === 0)) return own;
  const names = ((await missing(() => readdir(path))) ?? []).toSorted();
  return [...own, ...(await Promise.all(names.map((name) => exposure(join(path, name), owner)))).flat()];
}

/** A folder that can be listed gives nothing away yet; a file of another owner's is that owner's to change. */
function how(stat: Stats, owner: number): Exposed['how'] | null {
  const sticky = stat.isDirectory() && (stat.mode & 0o1000) !== 0;
  if (stat.uid !== owner || ((stat.mode & 0o022) !== 0 && !sticky)) return 'writable';
  return stat.isFile() && (stat.mode & 0o044) !== 0 ? 'readable' : null;
}

/** Null when there is none (any more). */
async function missing<T>(action: () => Promise<T>): Promise<T | null> {
  try {
    return await action();
  } catch (error) {
    const { code, message, path } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return null;
    throw new OpError('host', message, { ...(path === undefined ? {} : { at: path }), cause: error });
  }
}
