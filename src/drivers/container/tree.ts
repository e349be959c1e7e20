// Files below a root that somebody else controls: every component is opened by its parent's descriptor and never
// through a symbolic link (openat(2), O_NOFOLLOW; the parent is named /proc/self/fd/N). We only look: what changes anything
// is the maker's, in a running container as its own root, since mounts may come and go there between any two steps.

import { constants, readFileSync, type Stats } from 'node:fs';
import { type FileHandle, lstat, open } from 'node:fs/promises';
import { OpError } from '../../error.ts';
import type { FileOptions } from './contract.ts';
import type { Maker } from './maker.ts';

/**
 * A container's root. Running: one folder, and in `identity` its `DEVICE INODE` when it was started: its first process
 * may have gone over to another root. Stopped, `identity` is null; on an overlay there are the upper folder, which takes
 * all writes, and the lower one. `base` is the machine's id of the container's root, `make` what makes and removes
 * entries. A folder that was removed and made anew inside is seen merged with the template's here: Node reads no
 * extended attributes.
 */
export type Root = {
  readonly name: string;
  readonly upper: string;
  readonly lower: string | null;
  readonly identity: string | null;
  readonly base: number;
  readonly make: Maker;
};

const LIMIT = 256 * 1024;

/** Names an entry without opening what it is (open(2)); Node doesn't know the flag. */
const O_PATH = 0x200000;

/**
 * The text of a regular file; null when there is none or it is a symbolic link. Of a running container only what is on
 * the file system of its root: /proc, /sys, devices and what of the machine is shown inside are more than its root may
 * read there.
 * @throws OpError `foreign`, `host`.
 */
export async function readFile(root: Root, path: string): Promise<string | null> {
  return within(root, path, false, async (folder, last, top) => {
    const at = await find(folder, last);
    if (at === null || at.stat.isSymbolicLink()) return null;
    const entry = await open(at.path, O_PATH | constants.O_NOFOLLOW);
    try {
      if (!(await entry.stat()).isFile()) throw refused(root, path, 'is not a regular file', 'host');
      // Once a walk has left the root's mount, no step down leads back to it.
      if (root.identity !== null && mount(entry) !== mount(top))
        throw refused(root, path, 'is mounted from elsewhere', 'foreign');
      const file = await open(`/proc/self/fd/${entry.fd}`, constants.O_RDONLY | constants.O_NONBLOCK);
      try {
        return await text(root, path, file);
      } finally {
        await file.close();
      }
    } finally {
      await entry.close();
    }
  });
}

/** Whether a symbolic link is at `path`, also on what is mounted inside, as /run is. */
export async function isLink(root: Root, path: string): Promise<boolean> {
  const found = await within(root, path, false, find);
  return found?.stat.isSymbolicLink() ?? false;
}

/** Replaces what is at `path` by a file; parents that are missing are made (0755, root). */
export async function writeFile(root: Root, path: string, content: string, options: FileOptions): Promise<void> {
  await place(root, path, (folder, name) => root.make.file(folder, name, content, options));
}

/** Replaces what is at `path` by a symbolic link. */
export async function linkFile(root: Root, path: string, target: string): Promise<void> {
  await place(root, path, (folder, name) => root.make.link(folder, name, target));
}

/**
 * Removes a file or link; quiet when there is none. `hide` hides a file of the lower folder: it makes the
 * character device 0:0 at the path it is given.
 */
export async function removeFile(root: Root, path: string, hide: (path: string) => Promise<void>): Promise<void> {
  await within(root, path, false, async (folder, last) => {
    const at = await find(folder, last);
    if (at === null) return;
    if (at.stat.isDirectory()) throw refused(root, path, 'is a folder', 'host');
    const below = folder.lower === null ? null : await status(`${folder.lower.path}/${last}`);
    if (at.side === 'upper' && folder.upper !== null) await root.make.remove(folder.upper.handle, last);
    if (below !== null && !below.isDirectory())
      await within(root, path, true, async ({ upper }) => hide(`/proc/${process.pid}/fd/${upper?.handle.fd}/${last}`));
  });
}

type Open = { readonly handle: FileHandle; readonly path: string };
type Folder = { readonly upper: Open | null; readonly lower: Open | null };

/** Walks to the folder that holds `path`'s last component and calls `action`; null when there is no such folder. */
async function within<T>(
  root: Root,
  path: string,
  make: boolean,
  action: (folder: Folder, last: string, top: FileHandle) => Promise<T>,
): Promise<T | null> {
  const parts = path.split('/').filter((part) => part !== '' && part !== '.');
  const last = parts.pop();
  if (last === undefined || !path.startsWith('/') || [...parts, last].includes('..'))
    throw new OpError('internal', `${root.name}:${path}: expected an absolute path without ..`);
  const handles: FileHandle[] = [];
  const keep = (handle: FileHandle): Open => {
    handles.push(handle);
    return { handle, path: `/proc/self/fd/${handle.fd}` };
  };
  const enter = async (at: string): Promise<Open> =>
    keep(await open(at, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW));
  try {
    // The root itself may be /proc/PID/root, a link of the kernel's.
    const upper = keep(await open(root.upper, constants.O_RDONLY | constants.O_DIRECTORY));
    if (root.identity !== null) await insist(root, upper.handle);
    let folder: Folder = {
      upper,
      lower: root.lower === null ? null : keep(await open(root.lower, constants.O_RDONLY | constants.O_DIRECTORY)),
    };
    for (const part of parts) {
      const next = await step(root, path, folder, part, make, enter);
      if (next === null) return null;
      folder = next;
    }
    return await action(folder, last, upper.handle);
  } catch (error) {
    throw error instanceof OpError ? error : refused(root, path, `can't be reached: ${String(error)}`, 'host', error);
  } finally {
    await Promise.all(handles.map((handle) => handle.close()));
  }
}

async function step(
  root: Root,
  path: string,
  folder: Folder,
  part: string,
  make: boolean,
  enter: (at: string) => Promise<Open>,
): Promise<Folder | null> {
  const above = folder.upper === null ? null : await status(`${folder.upper.path}/${part}`);
  const hidden = above !== null && whiteout(above);
  const below = folder.lower === null || hidden ? null : await status(`${folder.lower.path}/${part}`);
  const seen = hidden ? null : (above ?? below);
  if (seen?.isSymbolicLink()) throw refused(root, path, `passes through the symbolic link ${part}`, 'foreign');
  if (seen !== null && !seen.isDirectory()) {
    if (make) throw refused(root, path, `passes through ${part}, which is no folder`, 'foreign');
    return null;
  }
  if (seen === null && !make) return null;
  const lower = folder.lower !== null && below?.isDirectory() ? await enter(`${folder.lower.path}/${part}`) : null;
  if (folder.upper === null) return { upper: null, lower };
  const at = `${folder.upper.path}/${part}`;
  if (above === null || hidden) {
    if (!make) return { upper: null, lower };
    if (hidden) await root.make.remove(folder.upper.handle, part);
    await root.make.folder(folder.upper.handle, part, {
      mode: (below?.mode ?? 0o755) & 0o7777,
      uid: below === null ? 0 : below.uid - root.base,
      gid: below === null ? 0 : below.gid - root.base,
    });
    return { upper: await enter(at), lower };
  }
  return { upper: await enter(at), lower };
}

/** Where the last component is, upper before lower; null when there is none. */
async function find({ upper, lower }: Folder, last: string): Promise<Found | null> {
  for (const side of ['upper', 'lower'] as const) {
    const folder = side === 'upper' ? upper : lower;
    const path = `${folder?.path}/${last}`;
    const stat = folder === null ? null : await status(path);
    if (stat !== null) return whiteout(stat) ? null : { side, path, stat };
  }
  return null;
}

type Found = { readonly side: 'upper' | 'lower'; readonly path: string; readonly stat: Stats };

/** What an overlay puts in the upper folder to hide something of the lower one. */
function whiteout(stat: Stats): boolean {
  return stat.isCharacterDevice() && stat.rdev === 0;
}

async function status(path: string): Promise<Stats | null> {
  try {
    return await lstat(path);
  } catch (error) {
    if (code(error) === 'ENOENT' || code(error) === 'ENOTDIR') return null;
    throw error;
  }
}

async function text(root: Root, path: string, file: FileHandle): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for (;;) {
    const { bytesRead, buffer } = await file.read(Buffer.alloc(65_536), 0, 65_536, null);
    if (bytesRead === 0) return Buffer.concat(chunks).toString('utf8');
    length += bytesRead;
    if (length > LIMIT) throw refused(root, path, 'is longer than 256 KiB', 'host');
    chunks.push(buffer.subarray(0, bytesRead));
  }
}

/** Has something put where `path` is, unless that is a folder. */
async function place(
  root: Root,
  path: string,
  put: (folder: FileHandle, name: string) => Promise<void>,
): Promise<void> {
  await within(root, path, true, async ({ upper }, last) => {
    if (upper === null) throw new OpError('internal', `${root.name}:${path}: its folder was not made`);
    if ((await status(`${upper.path}/${last}`))?.isDirectory()) throw refused(root, path, 'is a folder', 'host');
    await put(upper.handle, last);
  });
}

async function insist(root: Root, top: FileHandle): Promise<void> {
  const { dev, ino } = await top.stat({ bigint: true });
  // Node's are signed.
  if (`${dev} ${BigInt.asUintN(64, ino)}` !== root.identity)
    throw new OpError('foreign', `container ${root.name}: its first process has gone over to another root`, {
      at: `container ${root.name}`,
      hint: `Stop and start it.`,
    });
}

/** The mount that an open file is on (proc_pid_fdinfo(5)). Read at once: the kernel has it at hand. */
function mount(file: FileHandle): string | undefined {
  return /^mnt_id:\s*(\d+)/m.exec(readFileSync(`/proc/self/fdinfo/${file.fd}`, 'latin1'))?.[1];
}

function refused(root: Root, path: string, why: string, kind: 'foreign' | 'host', cause?: unknown): OpError {
  return new OpError(kind, `${root.name}:${path} ${why}`, { at: `${root.name}:${path}`, cause });
}

function code(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}
