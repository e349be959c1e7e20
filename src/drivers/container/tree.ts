// Files below a root that somebody else controls: every component is opened by its parent's descriptor and never
// through a symbolic link (openat(2), O_NOFOLLOW; the parent is named /proc/self/fd/N).

import { randomBytes } from 'node:crypto';
import { constants, type Stats } from 'node:fs';
import { type FileHandle, lstat, open, unlink } from 'node:fs/promises';
import { OpError } from '../../error.ts';
import type { FileOptions } from './contract.ts';
import type { Maker } from './maker.ts';

/**
 * A container's root. Running: one folder. Stopped on an overlay: the upper folder, which takes all writes, and the
 * lower one. `base` is the machine's id of the container's root, `make` what makes entries. A folder that was removed and made anew inside is
 * seen merged with the template's here: Node reads no extended attributes.
 */
export type Root = {
  readonly name: string;
  readonly upper: string;
  readonly lower: string | null;
  readonly base: number;
  readonly make: Maker;
};

const LIMIT = 16 * 1024 * 1024;

/** The text of a regular file; null when there is none or it is a symbolic link. @throws OpError `foreign`, `host`. */
export async function readFile(root: Root, path: string): Promise<string | null> {
  return within(root, path, false, async (folder, last) => {
    const at = await find(folder, last);
    if (at === null || at.stat.isSymbolicLink()) return null;
    // A pipe in the file's place must not block us.
    const file = await open(at.path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    try {
      if (!(await file.stat()).isFile()) throw refused(root, path, 'is not a regular file', 'host');
      return await text(root, path, file);
    } finally {
      await file.close();
    }
  });
}

/** Whether a symbolic link is at `path`. */
export async function isLink(root: Root, path: string): Promise<boolean> {
  const found = await within(root, path, false, find);
  return found?.stat.isSymbolicLink() ?? false;
}

/** Replaces what is at `path` by a file; parents that are missing are made (0755, root). */
export async function writeFile(root: Root, path: string, content: string, options: FileOptions): Promise<void> {
  await place(root, path, async (folder, name) => {
    await root.make.file(folder.handle, name);
    const file = await open(`${folder.path}/${name}`, constants.O_WRONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    try {
      const { nlink } = await file.stat();
      if (nlink !== 1) throw refused(root, path, 'was changed from inside while it was written', 'foreign');
      // Nobody inside reads it before it has its owner and mode.
      await file.chmod(0o600);
      await file.writeFile(content);
      await file.chown(root.base + options.uid, root.base + options.gid);
      await file.chmod(options.mode);
    } finally {
      await file.close();
    }
  });
}

/** Replaces what is at `path` by a symbolic link. */
export async function linkFile(root: Root, path: string, target: string): Promise<void> {
  await place(root, path, (folder, name) => root.make.link(folder.handle, name, target));
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
    if (folder.lower === null) return unlink(at.path);
    const below = await status(`${folder.lower.path}/${last}`);
    if (at.side === 'upper') await unlink(at.path);
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
  action: (folder: Folder, last: string) => Promise<T>,
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
    let folder: Folder = {
      upper: keep(await open(root.upper, constants.O_RDONLY | constants.O_DIRECTORY)),
      lower: root.lower === null ? null : keep(await open(root.lower, constants.O_RDONLY | constants.O_DIRECTORY)),
    };
    for (const part of parts) {
      const next = await step(root, path, folder, part, make, enter);
      if (next === null) return null;
      folder = next;
    }
    return await action(folder, last);
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
    if (hidden) await unlink(at);
    await root.make.folder(folder.upper.handle, part);
    const upper = await enter(at);
    if (below !== null) await upper.handle.chown(below.uid, below.gid);
    await upper.handle.chmod((below?.mode ?? 0o755) & 0o7777);
    return { upper, lower };
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
    if (length > LIMIT) throw refused(root, path, 'is longer than 16 MiB', 'host');
    chunks.push(buffer.subarray(0, bytesRead));
  }
}

/** Makes something beside `path` and puts it there when it is whole. */
async function place(root: Root, path: string, make: (folder: Open, name: string) => Promise<void>): Promise<void> {
  await within(root, path, true, async ({ upper }, last) => {
    if (upper === null) throw new OpError('internal', `${root.name}:${path}: its folder was not made`);
    if ((await status(`${upper.path}/${last}`))?.isDirectory()) throw refused(root, path, 'is a folder', 'host');
    const fresh = `.op-dbus-${randomBytes(6).toString('hex')}`;
    try {
      await make(upper, fresh);
      await root.make.move(upper.handle, fresh, last);
    } catch (error) {
      await unlink(`${upper.path}/${fresh}`).catch(() => {});
      throw error;
    }
  });
}

function refused(root: Root, path: string, why: string, kind: 'foreign' | 'host', cause?: unknown): OpError {
  return new OpError(kind, `${root.name}:${path} ${why}`, { at: `${root.name}:${path}`, cause });
}

function code(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}
