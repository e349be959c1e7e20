// Files of the host: read, replaced atomically, removed. Never follows a symbolic link at the last component.

import type { Watch } from '../watch.ts';

export interface Files {
  /** Content as UTF-8; null when there is no such file. */
  read(path: string): Promise<string | null>;
  /** Permission bits, like 0o600; null when there is no such file. */
  mode(path: string): Promise<number | null>;
  /** The file or the nearest folder above it that others than root can change; null when there is none, or no file. */
  loose(path: string): Promise<string | null>;
  /** Writes to a temporary file beside it, fsyncs, renames. Mode is 0600, and missing parents are made 0700, unless told. */
  write(path: string, content: string, mode?: number, parents?: number): Promise<void>;
  /** Removes the file; quiet when there is none. Empty parents that `write` made are left. */
  remove(path: string): Promise<void>;
  /**
   * Removes what an interrupted `write` left below the folder, then it and the folders below it, as far as they hold no
   * file; quiet when there is none.
   */
  sweep(path: string): Promise<void>;
  /** Names in a folder, sorted; empty when there is no such folder. */
  list(path: string): Promise<readonly string[]>;
  /**
   * Tells when the file at `path` is made, edited, replaced, removed, or gets another mode; of nothing else in its folder,
   * which may come and go. An edit in place is told at each of its steps: what is read may be half of it.
   */
  watch(path: string, changed: () => void): Promise<Watch>;
}
