// Files of the host over node:fs: replaced by rename, opened with O_NOFOLLOW (open(2), rename(2)).

import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, lstat, mkdir, open, readdir, rename, rmdir, unlink } from 'node:fs/promises';
import { basename, dirname, isAbsolute, join, normalize } from 'node:path';
import { OpError } from '../../error.ts';
import type { Files } from './contract.ts';
import { watchFile } from './watch.ts';

const { O_CREAT, O_DIRECTORY, O_EXCL, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, O_WRONLY } = constants;

/**
 * Files below `root`; every path is absolute and means `root` + path. A watch looks every `pulse` milliseconds, besides.
 * @throws OpError `internal` for a path that is not absolute and plain (`..`, `//`); `host` when the system refuses,
 * also when the path is a symbolic link or no regular file.
 */
export function nodeFiles(root = '/', pulse = 2000): Files {
  const at = (path: string): string => join(root, plain(path));
  return {
    read: (path) => host('reading', path, () => read(at(path))),
    mode: (path) => host('reading', path, () => mode(at(path))),
    loose: (path) => host('reading', path, () => loose(at(path))),
    write: (path, content, mode = 0o600, parents = 0o700) =>
      host('writing', path, () => write(at(path), content, mode, parents)),
    remove: (path) => host('removing', path, () => remove(at(path))),
    sweep: (path) => host('sweeping', path, () => sweep(at(path))),
    watch: (path, changed) => host('watching', path, async () => watchFile(at(path), pulse, changed)),
    list: (path) => host('listing', path, () => list(at(path))),
  };
}

async function read(path: string): Promise<string | null> {
  // O_NONBLOCK: a FIFO that somebody put there must not hang us.
  const file = await orNull(() => open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK));
  if (file === null) return null;
  return closing(file, async () => {
    if (!(await file.stat()).isFile()) throw new Error('not a regular file');
    return file.readFile('utf8');
  });
}

async function mode(path: string): Promise<number | null> {
  const found = await orNull(() => lstat(path));
  return found === null ? null : found.mode & 0o7777;
}

/** In a sticky folder, as /tmp, nobody moves what is root's. */
async function loose(path: string): Promise<string | null> {
  for (let at = path; ; at = dirname(at)) {
    const found = await orNull(() => lstat(at));
    if (found === null) return null;
    const shared = (found.mode & 0o022) !== 0 && !(found.isDirectory() && (found.mode & 0o1000) !== 0);
    if (shared || (found.uid !== 0 && found.uid !== process.geteuid?.())) return at;
    if (at === dirname(at)) return null;
  }
}

async function write(path: string, content: string, mode: number, parents: number): Promise<void> {
  const folder = dirname(path);
  await mkdir(folder, { recursive: true, mode: parents });
  const temporary = join(folder, `.${basename(path)}.${randomBytes(6).toString('hex')}.tmp`);
  const file = await open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
  try {
    await closing(file, async () => {
      await file.writeFile(content);
      await file.chmod(mode);
      await file.sync();
    });
    await rename(temporary, path);
  } catch (error) {
    await orNull(() => unlink(temporary));
    throw error;
  }
  await syncFolder(folder);
}

async function remove(path: string): Promise<void> {
  const gone = await orNull(async () => {
    await unlink(path);
    return true;
  });
  if (gone !== null) await syncFolder(dirname(path));
}

async function sweep(path: string): Promise<void> {
  const entries = (await orNull(() => readdir(path, { withFileTypes: true }))) ?? [];
  for (const entry of entries) {
    if (entry.isDirectory()) await sweep(join(path, entry.name));
    else if (half.test(entry.name)) await orNull(() => unlink(join(path, entry.name)));
  }
  await rmdir(path).catch((error: unknown) => {
    if (!['ENOENT', 'ENOTDIR', 'ENOTEMPTY'].includes(code(error) ?? '')) throw error;
  });
}

/** What an interrupted `write` left. */
const half = /^\..*\.[0-9a-f]{12}\.tmp$/;

/** What an interrupted `write` left is not listed. */
async function list(path: string): Promise<readonly string[]> {
  const names = (await orNull(() => readdir(path))) ?? [];
  return names.filter((name) => !half.test(name)).sort();
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, O_RDONLY | O_DIRECTORY);
  await closing(folder, () => folder.sync());
}

async function closing<T>(file: FileHandle, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } finally {
    await file.close();
  }
}

async function orNull<T>(action: () => Promise<T>): Promise<T | null> {
  try {
    return await action();
  } catch (error) {
    if (code(error) === 'ENOENT' || code(error) === 'ENOTDIR') return null;
    throw error;
  }
}

function plain(path: string): string {
  if (isAbsolute(path) && normalize(path) === path) return path;
  throw new OpError('internal', `${path}: not an absolute path without . and ..`);
}

async function host<T>(gerund: string, path: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    if (error instanceof OpError) throw error;
    const why = code(error) === 'ELOOP' ? 'is a symbolic link' : error instanceof Error ? error.message : String(error);
    throw new OpError('host', `${gerund} ${path}: ${why}`, { at: path, cause: error });
  }
}

function code(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error ? String(error.code) : undefined;
}
