// Fetches the pinned wgcf: nothing is made executable whose SHA-256 is not the pinned one.

import { createHash } from 'node:crypto';
import { chmod, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { setGlobalProxyFromEnv } from 'node:http';
import { join } from 'node:path';
import { OpError } from '../../error.ts';
import type { Pin } from './pin.ts';

/** Milliseconds for the whole download. */
const DEADLINE = 120_000;

const HINT = 'Fetch wgcf yourself and give it: --wgcf PATH';

/**
 * The path of the pinned program in `folder` (made when it is missing), fetched unless it is there; what is there is
 * counted again each time. `say` is told what is fetched. Proxies are taken from the environment (HTTPS_PROXY).
 * @throws OpError `host` when it can't be fetched, `check` when it is another file than the pinned one.
 */
export async function fetched(pin: Pin, folder: string, say: (line: string) => void): Promise<string> {
  const path = join(folder, `wgcf-${pin.version}`);
  const there = await readFile(path).catch(() => null);
  if (there !== null && sum(there) === pin.sha256) return path;
  say(`fetching wgcf ${pin.version} from ${pin.url}`);
  const content = await download(pin.url);
  const found = sum(content);
  if (found !== pin.sha256)
    throw new OpError('check', `${pin.url} is not the pinned file: SHA-256 ${found}, expected ${pin.sha256}`, {
      hint: HINT,
    });
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const temporary = `${path}.${process.pid}.tmp`;
  try {
    await writeFile(temporary, content, { mode: 0o700, flag: 'wx' });
    await chmod(temporary, 0o700);
    await rename(temporary, path);
  } finally {
    await rm(temporary, { force: true });
  }
  return path;
}

function sum(content: Uint8Array): string {
  return createHash('sha256').update(content).digest('hex');
}

async function download(url: string): Promise<Uint8Array> {
  try {
    setGlobalProxyFromEnv();
    const answer = await fetch(url, { signal: AbortSignal.timeout(DEADLINE) });
    if (!answer.ok) throw new Error(`${answer.status} ${answer.statusText}`);
    return new Uint8Array(await answer.arrayBuffer());
  } catch (cause) {
    throw new OpError('host', `${url} can't be fetched: ${reason(cause)}`, { hint: HINT, cause });
  }
}

/** fetch() tells the reason one level below its own "fetch failed". */
function reason(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? error.cause.message : error.message;
}
