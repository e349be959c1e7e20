// What op-dbus keeps of its containers on the host: definition (the ownership mark), the hook's values, pids, filter.

import { mkdir, readdir, readFile, rename, rm, rmdir, writeFile } from 'node:fs/promises';
import { OpError } from '../../error.ts';
import type { Definition } from './contract.ts';

/** `definition.json`: what every backend keeps, each with more of its own. */
export type Entry = { readonly version: 1; readonly definition: Definition };

/** `pid`, `PID START DEVICE INODE`: init, when it was started, and what its root was then. `monitor`: LXC's, `PID START`. */
type RecordFile =
  | 'definition.json'
  | 'hook.env'
  | 'filter.nft'
  | 'pid'
  | 'monitor'
  | 'failure'
  | 'lxc.log'
  /** Proxmox's: one in the making, one that was put aside, one whose root we have mounted. */
  | 'making.json'
  | 'aside.json'
  | 'mounted';

export interface Records<E extends Entry = Entry> {
  /** The folder of a container's records. @throws OpError `internal` when the name could leave it. */
  path(name: string, file?: RecordFile): string;
  /** Names that have a folder here, sorted. */
  names(): Promise<readonly string[]>;
  /** Null when the container is not ours. */
  get(name: string): Promise<E | null>;
  text(name: string, file: RecordFile): Promise<string | null>;
  /** Replaces a file atomically (0600). */
  put(name: string, file: RecordFile, content: string): Promise<void>;
  /** Removes these files, with what an interrupted `put` left of them, and the folders that are empty then. */
  remove(name: string, files: readonly RecordFile[]): Promise<void>;
}

/** Records below `folder`, one folder a container. */
export function records<E extends Entry = Entry>(folder: string): Records<E> {
  const path: Records['path'] = (name, file) => {
    if (!/^[A-Za-z0-9][A-Za-z0-9_.-]*$/.test(name)) throw new OpError('internal', `${name}: not a container's name`);
    return `${folder}/${name}${file === undefined ? '' : `/${file}`}`;
  };
  const text: Records['text'] = (name, file) => optional(readFile(path(name, file), 'utf8'));
  return {
    path,
    text,
    names: async () => ((await optional(readdir(folder))) ?? []).toSorted(),
    get: async (name) => {
      const found = await text(name, 'definition.json');
      return found === null ? null : (JSON.parse(found) as E);
    },
    put: async (name, file, content) => {
      await mkdir(path(name), { recursive: true, mode: 0o700 });
      const fresh = `${path(name, file)}.new`;
      await writeFile(fresh, content, { mode: 0o600, flush: true });
      await rename(fresh, path(name, file));
    },
    remove: async (name, files) => {
      for (const file of files) for (const end of ['', '.new']) await rm(`${path(name, file)}${end}`, { force: true });
      for (const empty of [path(name), folder]) await removeEmpty(empty);
    },
  };
}

/** Removes a folder that is empty; quiet when it isn't, or there is none. */
export async function removeEmpty(folder: string): Promise<void> {
  try {
    await rmdir(folder);
  } catch (error) {
    if (!['ENOTEMPTY', 'ENOENT'].includes(code(error) ?? '')) throw error;
  }
}

/** What `promise` gives, or null when the file or folder is not there. */
export async function optional<T>(promise: Promise<T>): Promise<T | null> {
  try {
    return await promise;
  } catch (error) {
    if (code(error) === 'ENOENT') return null;
    throw error;
  }
}

function code(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}
