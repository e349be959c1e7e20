// Reads a state file, from a path or stdin, and reports all its problems at once.

import { readFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { text as all } from 'node:stream/consumers';
import { parse } from '../core/state/parse.ts';
import type { State } from '../core/state/schema.ts';
import { OpError } from '../error.ts';

export type Loaded = {
  /** For messages: the path as given, or `stdin`. */
  readonly file: string;
  readonly text: string;
  readonly state: State;
  /** The folder that mirrors the containers' trees. */
  readonly filesFolder: string;
};

/**
 * `path` may be `-`. `files` beside the state file (beside the current folder for stdin) unless `filesFolder` is given.
 * @throws AggregateError of OpErrors `state`, one a problem; OpError `usage` when the file can't be read.
 */
export async function load(path: string, filesFolder?: string): Promise<Loaded> {
  const file = path === '-' ? 'stdin' : path;
  const folder = resolve(filesFolder ?? join(path === '-' ? '.' : dirname(path), 'files'));
  return parsed({ file, text: await read(path), filesFolder: folder });
}

export function parsed(source: Omit<Loaded, 'state'>): Loaded {
  const result = parse(source.text);
  if ('state' in result) return { ...source, state: result.state };
  throw new AggregateError(
    result.problems.map(({ line, column, path, message, hint }) => {
      const at = `${source.file}:${line}:${column}${path === '' ? '' : ` ${path}`}`;
      return new OpError('state', message, { at, ...(hint === undefined ? {} : { hint }) });
    }),
  );
}

async function read(path: string): Promise<string> {
  try {
    return path === '-' ? await all(process.stdin) : await readFile(path, 'utf8');
  } catch (cause) {
    const why: Readonly<Record<string, string>> = {
      ENOENT: 'no such file',
      EISDIR: 'is a folder',
      EACCES: 'permission denied',
    };
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
    const hint = code === 'ENOENT' ? { hint: 'Write one with: op-dbus init --profile privacy-client -o FILE' } : {};
    throw new OpError('usage', why[code] ?? code, { at: path, cause, ...hint });
  }
}
