// Folders and files of the host that come and go, followed by inotify(7). Only for paths that nobody else can lead astray.

import { type BigIntStats, type FSWatcher, statSync, watch } from 'node:fs';
import { OpError } from '../error.ts';

/** What to follow: a path, and of which names in it changes count (null: of all). A file's own name counts always. */
export type Followed = ReadonlyMap<string, ReadonlySet<string> | null>;

export type Follower = {
  /**
   * Follows these paths from now on and no others: those that are there, each as what it is now.
   * @returns whether one is followed that was not before. @throws OpError `host` when the kernel follows no more.
   */
  follow(paths: Followed): boolean;
  close(): void;
};

/** Calls `changed` when an entry of a followed folder, or a followed file, is made, written, moved or removed. */
export function follower(changed: () => void): Follower {
  const open = new Map<string, { readonly watcher: FSWatcher; readonly identity: string }>();
  let names: Followed = new Map();
  const drop = (path: string): void => {
    open.get(path)?.watcher.close();
    open.delete(path);
  };
  const begin = (path: string): FSWatcher | null => {
    try {
      const own = path.split('/').at(-1) ?? '';
      const watcher = watch(path, { persistent: false }, (type, name) => {
        const wanted = names.get(path);
        // Its own end has its own name. What comes in its place may have its inode.
        if (type === 'rename' && name === own) drop(path);
        if (wanted === null || name === null || name === own || wanted?.has(name)) changed();
      });
      return watcher.on('error', () => drop(path));
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'ENOENT' || code === 'ENODEV') return null;
      throw new OpError('host', `following ${path}: ${code}`, {
        hint: 'See sysctl fs.inotify.max_user_watches and fs.inotify.max_user_instances.',
        cause: error,
      });
    }
  };
  return {
    follow: (paths) => {
      names = paths;
      for (const path of open.keys()) if (!paths.has(path)) drop(path);
      let fresh = false;
      for (const path of paths.keys()) {
        const found = statOf(path);
        const identity = found === null ? null : `${found.dev}:${found.ino}`;
        if (identity !== null && open.get(path)?.identity === identity) continue;
        drop(path);
        const watcher = identity === null ? null : begin(path);
        if (watcher === null || identity === null) continue;
        open.set(path, { watcher, identity });
        fresh = true;
      }
      return fresh;
    },
    close: () => {
      for (const path of [...open.keys()]) drop(path);
    },
  };
}

/**
 * Adds to `paths` what has to be followed so that a folder is seen to come and go: the folder, or the nearest one
 * above it that is there.
 */
export function reach(
  paths: Map<string, ReadonlySet<string> | null>,
  folder: string,
  names: ReadonlySet<string> | null,
): void {
  if (folder === '/' || statOf(folder)?.isDirectory() === true) return add(paths, folder, names);
  const parts = folder.split('/');
  reach(paths, parts.slice(0, -1).join('/') || '/', new Set([parts.at(-1) ?? '']));
}

/** Adds a path; its names are added to those that it has. */
export function add(
  paths: Map<string, ReadonlySet<string> | null>,
  path: string,
  names: ReadonlySet<string> | null,
): void {
  const before = paths.has(path) ? (paths.get(path) ?? null) : new Set<string>();
  paths.set(path, before === null || names === null ? null : new Set([...before, ...names]));
}

/** Null when there is nothing. */
function statOf(path: string): BigIntStats | null {
  try {
    return statSync(path, { bigint: true });
  } catch {
    return null;
  }
}
