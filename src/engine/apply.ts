// Apply: a state file becomes what the host is, by the command line, the daemon and D-Bus alike.

import { realpath, stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { credentials, fingerprint, sealed } from '../core/secret.ts';
import type { Host } from '../drivers/host.ts';
import { keepApplied, keepNames, knownNames, machineOf } from './applied.ts';
import type { Loaded } from './load.ts';
import type { Progress } from './run.ts';
import { type Outcome, transact } from './transact.ts';
import { want } from './want.ts';

export type ApplyOptions = {
  /** Ask for the addresses of names anew. */
  readonly resolve?: boolean;
  /** Go back when a step fails. */
  readonly back?: boolean;
  /** Undo it unless it is confirmed within so many seconds. */
  readonly confirm?: number | undefined;
  readonly stop?: AbortSignal;
  /** Who does it unasked, for the history. */
  readonly by?: string;
  /** What a person should know before the first change, a line each. */
  readonly note?: (line: string) => void;
};

/**
 * Makes the host be what the state says, and remembers it as applied. The caller holds the lock.
 * @throws as `want` and `transact`.
 */
export async function apply(
  host: Host,
  { file, text, state, filesFolder }: Loaded,
  progress: (event: Progress) => void,
  { resolve: anew = false, back = true, confirm, stop, by, note = () => {} }: ApplyOptions = {},
): Promise<Outcome> {
  const { facts, resources, resolved, notes } = await want(
    host,
    state,
    filesFolder,
    anew ? {} : await knownNames(host),
  );
  for (const id of credentials(text)) host.secrets.remember(fingerprint(id), id);
  const applied = { file, path: await placeOf(file), filesFolder, text: sealed(text), machine: machineOf(facts) };
  const goal = {
    action: `apply ${file}${by === undefined ? '' : `  # by ${by}`}`,
    wanted: resources,
    // What was asked for in clear is not asked for again, and stays the same, also when a stage fails.
    ready: async (): Promise<void> => {
      for (const line of [...(await exposed(applied)), ...notes]) note(line);
      await keepNames(host, { ...(await knownNames(host)), ...resolved });
    },
    kept: async (): Promise<void> => {
      await keepNames(host, resolved);
      await keepApplied(host, applied);
    },
    entry: { applied, names: resolved },
    back,
    ...(confirm === undefined ? {} : { confirm }),
  };
  return transact(host, goal, progress, stop);
}

/** Where the file is, links followed; null for what came by stdin. */
async function placeOf(file: string): Promise<string | null> {
  return file === 'stdin' ? null : realpath(file).catch(() => resolve(file));
}

/** The shell's redirection makes files that everybody can read; this one holds the UUID. */
async function exposed({
  file,
  path,
}: {
  readonly file: string;
  readonly path: string | null;
}): Promise<readonly string[]> {
  const mode = path === null ? 0 : ((await stat(path).catch(() => null))?.mode ?? 0);
  return (mode & 0o044) === 0 ? [] : [`${file} holds credentials and others can read it: chmod 600 ${file}`];
}
