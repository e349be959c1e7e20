// Reads a state file, from a path or stdin, and reports all its problems at once.

import { readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
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
export function load(path: string, filesFolder?: string): Loaded {
  const file = path === '-' ? 'stdin' : path;
  const folder = resolve(filesFolder ?? join(path === '-' ? '.' : dirname(path), 'files'));
  return parsed({ file, text: read(path), filesFolder: folder });
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

function read(path: string): string {
  try {
    return readFileSync(path === '-' ? 0 : path, 'utf8');
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    const why =
      code === 'ENOENT'
        ? 'no such file'
        : code === 'EISDIR'
          ? 'is a folder'
          : code === 'EACCES'
            ? 'permission denied'
            : String(code);
    throw new OpError('usage', why, {
      at: path,
      hint: 'Write one with: op-dbus init --profile privacy-client -o FILE',
      cause: error,
    });
  }
}
