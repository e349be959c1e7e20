// The folder in which the WARP account is kept: wgcf-account.toml and wgcf-profile.conf (0600), in a folder that is 0700.

import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type Account, parseAccount } from '../../core/init/account.ts';
import { parseWarp, type Warp } from '../../core/init/wgcf.ts';
import type { Files } from '../../drivers/files/contract.ts';
import { locked } from '../../drivers/lock.ts';
import { OpError } from '../../error.ts';

export const FOLDER = '/etc/op-dbus/warp';

export type Kept = {
  readonly account: Account | null;
  /** What Cloudflare called the account when it was registered here, like `free`; null: not known. */
  readonly type: string | null;
  /** Null also for a profile that can't be read: it is made anew from the account. */
  readonly warp: Warp | null;
};

export function accountPath(folder: string): string {
  return join(folder, 'wgcf-account.toml');
}

export function profilePath(folder: string): string {
  return join(folder, 'wgcf-profile.conf');
}

/**
 * What is kept; nothing when there is no folder.
 * @throws OpError `host` when the account's file holds something else: what may be an account is never written over.
 */
export async function kept(files: Files, folder: string): Promise<Kept> {
  const path = accountPath(folder);
  const [text, profile, type] = await Promise.all([
    files.read(path),
    files.read(profilePath(folder)),
    files.read(typePath(folder)),
  ]);
  const account = parseAccount(text ?? '');
  if (account === null && (text ?? '').trim() !== '')
    throw new OpError('host', 'is no account that wgcf wrote', {
      at: path,
      hint: `Move it away, then register again: mv ${path} ${path}.old`,
    });
  return {
    account,
    type: account === null ? null : (type?.trim() ?? null),
    warp: profile === null ? null : read(profile),
  };
}

export async function keepType(files: Files, folder: string, type: string | null): Promise<void> {
  if (type === null) await files.remove(typePath(folder));
  else await files.write(typePath(folder), `${type}\n`);
}

/**
 * Runs `action` while nobody else works in the folder, which is made when it is missing; `lock` as `locked` has it.
 * @throws OpError `host` when others can look into it, or it can't be made.
 */
export async function alone<T>(files: Files, folder: string, action: (lock: number) => Promise<T>): Promise<T> {
  await mkdir(folder, { recursive: true, mode: 0o700 }).catch((cause: NodeJS.ErrnoException) => {
    throw new OpError('host', `can't be made: ${reasons[cause.code ?? ''] ?? cause.message}`, {
      at: folder,
      hint: 'Run it with sudo, or name another: --folder',
      cause,
    });
  });
  if (((await files.mode(folder)) ?? 0) & 0o077)
    throw new OpError('host', 'others can look into this folder', {
      at: folder,
      hint: `If it is for the account alone: chmod 700 ${folder}; else name another: --folder`,
    });
  return locked(join(folder, '.lock'), 'op-dbus warp', action);
}

const reasons: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EEXIST: 'a file is there',
  ENOTDIR: 'a file is in the way',
};

function read(profile: string): Warp | null {
  try {
    return parseWarp(profile);
  } catch {
    return null;
  }
}

function typePath(folder: string): string {
  return join(folder, 'account-type');
}
