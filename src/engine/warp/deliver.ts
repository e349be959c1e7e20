// Brings a WARP profile to where `apply` looks: the private key into the files folder, the values into the state file.

import { chown, readFile, realpath, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { fillIn, type Place, placeIn, usual } from '../../core/init/place.ts';
import type { Warp } from '../../core/init/wgcf.ts';
import type { Files } from '../../drivers/files/contract.ts';
import { OpError } from '../../error.ts';

export type Target = {
  /** The state file, as it was given, to be filled in; null when there is none. */
  readonly state: string | null;
  readonly place: Place;
  /** The private key's file. */
  readonly key: string;
};

/** `state` and its files folder, as `load` has them; without a state file the usual place. @throws OpError, naming what is wrong with the file. */
export async function target(state?: string, filesFolder?: string): Promise<Target> {
  if (state === '-')
    throw new OpError('usage', 'expected a file: what comes by stdin can not be filled in', { at: '--state' });
  const place = state === undefined ? usual : placeIn(await text(state), state);
  const folder = resolve(filesFolder ?? (state === undefined ? '/etc/op-dbus/files' : join(dirname(state), 'files')));
  return { state: state ?? null, place, key: join(folder, place.container, place.keyFile) };
}

/** @throws OpError `usage` when another key than `privateKey` is there; null: the key is not known yet. */
export async function free(files: Files, { key }: Target, privateKey: string | null): Promise<void> {
  const there = (await files.read(key))?.trim() ?? '';
  if (there === '' || there === privateKey) return;
  throw new OpError('usage', 'another private key is there', {
    at: key,
    hint: 'Move it away, or replace it with --force.',
  });
}

/** Writes what is not yet so. @returns whether the state file was changed. */
export async function deliver(files: Files, { state, key }: Target, warp: Warp): Promise<boolean> {
  const mode = await files.mode(key);
  if ((await files.read(key))?.trim() !== warp.privateKey || mode !== 0o600)
    await files.write(key, `${warp.privateKey}\n`);
  if (state === null) return false;
  // It may have been edited since it was looked at.
  const before = await text(state);
  const after = fillIn(before, placeIn(before, state), warp);
  if (after === before) return false;
  const path = await realpath(state);
  const { mode: bits, uid, gid } = await stat(path);
  await files.write(path, after, bits & 0o7777);
  if (uid !== process.getuid?.() || gid !== process.getgid?.()) await chown(path, uid, gid);
  return true;
}

async function text(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    const gone = cause instanceof Error && 'code' in cause && cause.code === 'ENOENT';
    throw new OpError('usage', gone ? 'no such file' : `can't be read: ${(cause as Error).message}`, {
      at: path,
      cause,
      ...(gone ? { hint: 'Write one with: op-dbus init --profile privacy-client -o FILE' } : {}),
    });
  }
}
