// Runs wgcf (github.com/ViRb3/wgcf): registers a device with Cloudflare's WARP, and writes its WireGuard profile.

import type { Exec } from '../exec.ts';

/** What a run came to: it ended well, Cloudflare says "too many" (HTTP 429), it can't be reached, or something else. */
export type Ran = { readonly ok: true; readonly accountType: string | null } | Failed;
export type Failed = {
  readonly ok: false;
  readonly cause: 'many' | 'unreachable' | 'other';
  /** wgcf's own words, one line, without keys, tokens and ids. */
  readonly why: string;
};

export type Wgcf = {
  /** Registers and writes the account to the file `account`. The caller has the user's consent to Cloudflare's terms. */
  readonly register: (account: string) => Promise<Ran>;
  /** Asks Cloudflare for the device's addresses, and writes the profile to the file `profile`. */
  readonly generate: (account: string, profile: string) => Promise<Ran>;
};

/** `program` is a path or a name on PATH. @throws OpError as `exec` does: not installed, or no answer in time. */
export function wgcf(exec: Exec, program: string): Wgcf {
  const ask = async (...args: readonly string[]): Promise<Ran> => {
    const { code, stdout, stderr } = await exec([program, ...args], { deadline: DEADLINE, env: unset });
    if (code !== 0) return failure(stderr || stdout);
    return { ok: true, accountType: /^.*Account type\s*:\s*(\w+)\s*$/m.exec(`${stdout}\n${stderr}`)?.[1] ?? null };
  };
  return {
    register: (account) => ask('register', '--accept-tos', '--config', account),
    generate: (account, profile) => ask('generate', '--config', account, '--profile', profile),
  };
}

/** Milliseconds: a registration is five requests. */
const DEADLINE = 90_000;

/** wgcf takes settings from the environment before those of the file; an empty one counts as none. */
const unset = { WGCF_DEVICE_ID: '', WGCF_ACCESS_TOKEN: '', WGCF_PRIVATE_KEY: '', WGCF_LICENSE_KEY: '' };

/** Go's words for a peer that can't be reached or trusted. */
const unreachable =
  /dial tcp|no such host|i\/o timeout|connection re(fused|set)|unreachable|proxyconnect|x509|tls:|EOF/;

function failure(said: string): Failed {
  const lines = said
    .split('\n')
    .map((line) => line.replace(/^\d{4}\/\d\d\/\d\d \d\d:\d\d:\d\d /, '').trim())
    .filter((line) => line !== '' && !line.startsWith('Using config file'));
  // What follows is where in wgcf it happened.
  const why = hidden(lines[0] ?? 'it says nothing');
  if (/Too Many Requests|^429\b/.test(why)) return { ok: false, cause: 'many', why };
  return { ok: false, cause: unreachable.test(why) ? 'unreachable' : 'other', why };
}

/** Cloudflare's addresses hold the device's id, and an answer may repeat what it was asked with. */
function hidden(line: string): string {
  return line
    .replaceAll(/[A-Za-z0-9+/]{43}=/g, '…')
    .replaceAll(/\b(t\.)?[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b/gi, '…')
    .replaceAll(/\b[A-Za-z0-9]{8}(-[A-Za-z0-9]{8}){1,2}\b/g, '…')
    .replaceAll(/Bearer \S+/g, 'Bearer …')
    .slice(0, 300);
}
