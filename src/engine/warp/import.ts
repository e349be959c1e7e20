// Takes in what wgcf wrote elsewhere: wgcf-profile.conf, or wgcf-account.toml, of which the profile is then made.

import { type Account, parseAccount } from '../../core/init/account.ts';
import { parseWarp, type Warp } from '../../core/init/wgcf.ts';
import type { Files } from '../../drivers/files/contract.ts';
import { OpError } from '../../error.ts';
import { accountPath, kept, keepType, profilePath } from './account.ts';

export type Brought = { readonly account: Account } | { readonly warp: Warp };

/** @throws OpError `usage` for a text that is neither, naming the line or the setting, never a value. */
export function brought(text: string, file: string): Brought {
  const account = parseAccount(text);
  if (account !== null) return { account };
  const hint = 'Give the path of wgcf-profile.conf or wgcf-account.toml, as wgcf wrote it.';
  if (!/^\s*\[interface\]/im.test(text))
    throw new OpError('usage', 'neither a profile nor an account of wgcf', { at: file, hint });
  try {
    return { warp: parseWarp(text) };
  } catch (cause) {
    throw new OpError('usage', cause instanceof Error ? cause.message : String(cause), { at: file, hint, cause });
  }
}

/**
 * Keeps it in the folder; the caller works there alone.
 * @throws OpError `usage` when another account is there: with it goes the right to a device.
 */
export async function keep(files: Files, folder: string, text: string, what: Brought): Promise<void> {
  const there = (await kept(files, folder)).account;
  const own = 'account' in what ? what.account.privateKey : what.warp.privateKey;
  if (there !== null && there.privateKey !== own)
    throw new OpError('usage', 'an account of another device is kept here', {
      at: accountPath(folder),
      hint: `Move it away first: mv ${folder} ${folder}.old`,
    });
  if ('warp' in what) return files.write(profilePath(folder), text);
  if (there?.deviceId !== what.account.deviceId) await keepType(files, folder, null);
  await files.write(accountPath(folder), text);
}
