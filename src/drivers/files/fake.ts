// Files in memory, with the modes they were written with.

import { dirname, isAbsolute, normalize } from 'node:path';
import { OpError } from '../../error.ts';
import { noticed, watchers } from '../watch.fake.ts';
import type { Files } from './contract.ts';

/** Path → content and mode; tests read it, and put foreign files into it. */
export type FakeFiles = Files & { readonly entries: Map<string, { readonly content: string; readonly mode: number }> };

export function fakeFiles(initial: Readonly<Record<string, string>> = {}): FakeFiles {
  const given: FakeFiles['entries'] = new Map(
    Object.entries(initial).map(([path, content]) => [path, { content, mode: 0o644 }]),
  );
  const { watch, tell } = watchers();
  const entries = noticed(given, tell);
  return {
    entries,
    read: async (path) => entries.get(plain(path))?.content ?? null,
    mode: async (path) => entries.get(plain(path))?.mode ?? null,
    loose: async (path) => (((entries.get(plain(path))?.mode ?? 0) & 0o022) === 0 ? null : path),
    write: async (path, content, mode = 0o600) => {
      const inTheWay = [...entries.keys()].some((file) => file.startsWith(`${path}/`) || path.startsWith(`${file}/`));
      if (inTheWay) throw new OpError('host', `writing ${path}: a folder or file is in the way`, { at: path });
      entries.set(plain(path), { content, mode });
    },
    remove: async (path) => void entries.delete(plain(path)),
    watch: async (path, changed) => {
      let last = entries.get(plain(path));
      return watch(() => {
        const before = last;
        last = entries.get(path);
        if (last !== before) changed();
      });
    },
    // A folder is there only while something is in it.
    sweep: async (path) => void plain(path),
    list: async (path) => names(entries.keys(), plain(path)),
  };
}

function names(paths: Iterable<string>, folder: string): readonly string[] {
  const prefix = folder === '/' ? '/' : `${folder}/`;
  const below = [...paths].filter((path) => path.startsWith(prefix) && dirname(path) !== path);
  return [...new Set(below.map((path) => path.slice(prefix.length).split('/')[0] ?? ''))].sort();
}

function plain(path: string): string {
  if (isAbsolute(path) && normalize(path) === path) return path;
  throw new OpError('internal', `${path}: not an absolute path without . and ..`);
}
