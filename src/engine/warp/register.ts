// Registers with WARP by wgcf, once: an account that is there is used, and Cloudflare's "too many" is waited out.

import { join } from 'node:path';
import type { Account } from '../../core/init/account.ts';
import { parseWarp, type Warp } from '../../core/init/wgcf.ts';
import type { Files } from '../../drivers/files/contract.ts';
import type { Failed, Ran, Wgcf } from '../../drivers/wgcf/client.ts';
import { OpError } from '../../error.ts';
import { accountPath, keepType, kept, profilePath } from './account.ts';

export type Given = {
  readonly files: Files;
  readonly folder: string;
  /** Asked for when it is needed: it may have to be fetched. */
  readonly wgcf: () => Promise<Wgcf>;
  /** Resolves when the user agrees to Cloudflare's terms. It is asked only before a registration. */
  readonly consent: () => Promise<void>;
  /** How often Cloudflare is asked at most, each time it says "too many" (HTTP 429). */
  readonly tries: number;
  /** Milliseconds. */
  readonly pause: (time: number) => Promise<unknown>;
  readonly say: (line: string) => void;
  readonly now: () => Date;
};

/** `fresh`: whether it was registered just now. */
export type Registered = {
  readonly account: Account;
  readonly type: string | null;
  readonly warp: Warp;
  readonly fresh: boolean;
};

/**
 * The account and the profile, both kept in the folder; the caller works there alone.
 * @throws OpError `host` when Cloudflare refuses or can't be reached, saying what to do; and what `consent` throws.
 */
export async function register(given: Given): Promise<Registered> {
  const { files, folder } = given;
  const path = accountPath(folder);
  const before = await kept(files, folder);
  if (before.account === null) await make(given);
  else if ((((await files.mode(path)) ?? 0) & 0o077) !== 0) await files.write(path, (await files.read(path)) ?? '');
  const { account, type } = await kept(files, folder);
  if (account === null) throw new OpError('host', 'wgcf says that it registered, and wrote no account', { at: path });
  return { account, type, warp: await profile(given, account), fresh: before.account === null };
}

/** Whatever wgcf says, an account that it wrote is one: it asks Cloudflare for more after that, which may fail. */
async function make(given: Given): Promise<void> {
  const { files, folder, wgcf, consent } = given;
  const path = accountPath(folder);
  await consent();
  const program = await wgcf();
  // wgcf makes it readable by all, and keeps the mode of a file that is there.
  await files.write(path, '');
  const there = async (): Promise<boolean> => (await kept(files, folder)).account !== null;
  try {
    const ran = await patiently(given, async () => {
      const one = await program.register(path);
      return one.ok || (await there()) ? { ok: true, accountType: one.ok ? one.accountType : null } : one;
    });
    await keepType(files, folder, ran.accountType);
  } finally {
    if (!(await there())) await files.remove(path);
  }
}

async function profile(given: Given, account: Account): Promise<Warp> {
  const { files, folder, wgcf } = given;
  const made = join(folder, '.wgcf-profile.new');
  const program = await wgcf();
  try {
    await patiently(given, () => program.generate(accountPath(folder), made));
    const text = await files.read(made);
    if (text === null) throw new OpError('host', 'wgcf says that it wrote a profile, and wrote none', { at: made });
    const warp = parseWarp(text);
    if (warp.privateKey !== account.privateKey)
      throw new OpError('check', "wgcf wrote a profile with another key than the account's", {
        at: accountPath(folder),
      });
    await files.write(profilePath(folder), text);
    return warp;
  } finally {
    await files.remove(made);
  }
}

/** Milliseconds before the second try; each further one waits twice as long. */
const FIRST = 30_000;
/** Minutes after which it is worth a new start: Cloudflare counts by address, and forgets within some. */
const REST = 30;

async function patiently(
  { tries, pause, say, now }: Given,
  action: () => Promise<Ran>,
): Promise<Extract<Ran, { ok: true }>> {
  for (let done = 1; ; done += 1) {
    const ran = await action();
    if (ran.ok) return ran;
    if (ran.cause !== 'many') throw failed(ran);
    if (done >= tries) throw refused(done, now());
    const wait = FIRST * 2 ** (done - 1);
    say(`Cloudflare says "too many" (429): try ${done + 1} of ${tries} in ${wait / 1000} s`);
    await pause(wait);
  }
}

function refused(tries: number, now: Date): OpError {
  const time = new Date(now.getTime() + REST * 60_000).toISOString().slice(11, 16);
  return new OpError(
    'host',
    `Cloudflare says "too many" (429) to this address, ${tries === 1 ? 'once' : `${tries} times`}`,
    {
      hint: `Try again in ${REST} minutes, after ${time} UTC, not before: each try counts. Or register on another machine and bring wgcf-profile.conf: op-dbus warp import FILE`,
    },
  );
}

function failed({ cause, why }: Failed): OpError {
  if (cause === 'unreachable')
    return new OpError('host', `Cloudflare's API can't be reached: ${why}`, {
      hint: 'Look at the name server, the network and HTTPS_PROXY; or register on another machine: op-dbus warp import FILE',
    });
  const hint = why.startsWith('403')
    ? 'Cloudflare refuses this address or this version of wgcf. Register on another machine, or with another: --wgcf PATH'
    : why.startsWith('401')
      ? 'Cloudflare knows this account no more: move wgcf-account.toml away and register again.'
      : undefined;
  return new OpError('host', `wgcf: ${why}`, hint === undefined ? {} : { hint });
}
