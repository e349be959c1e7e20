// The changes that were made, each with the state that it led to: a chain of hashes, one file (0600) a change.

import { createHash } from 'node:crypto';
import { canonical } from '../core/plan.ts';
import type { Resource } from '../core/resource.ts';
import { fingerprints } from '../core/secret.ts';
import type { Host } from '../drivers/host.ts';
import { OpError } from '../error.ts';
import type { Applied, Resolved } from './applied.ts';

export type Entry = {
  readonly version: 1;
  /** From 1 on; numbers are never used again. */
  readonly number: number;
  /** When it was done, ISO 8601 in UTC. */
  readonly at: string;
  /** What was asked for: `apply /etc/op-dbus/state.json`, `rollback 3`. */
  readonly action: string;
  readonly applied: Applied;
  readonly names: Resolved;
  /** What the host was made to be; secrets by fingerprint. */
  readonly resources: readonly Resource[];
  /** How: the commands that a person would have typed; no secrets. */
  readonly commands: readonly string[];
  /** The hash of the entry before; that of the first one kept names one that is gone. */
  readonly previous: string;
  /** SHA-256 of the canonical JSON of all the rest, in hexadecimal. */
  readonly hash: string;
};

const folder = '/var/lib/op-dbus/history';

/** How many states one can go back to. Older entries are removed, with the secrets that they alone used. */
const KEPT = 20;

/** The entries that there are, the oldest first. @throws OpError `host` naming a file that is none. */
export async function readHistory(host: Host): Promise<readonly Entry[]> {
  const names = (await host.files.list(folder)).filter((name) => /^\d{6}\.json$/.test(name));
  const texts = await Promise.all(names.map((name) => host.files.read(`${folder}/${name}`)));
  return texts.flatMap((text, index) => (text === null ? [] : [read(text, `${folder}/${names[index]}`)]));
}

/** The newest entry, with none of the others read; null when there is none. @throws OpError `host` naming a file that is none. */
export async function latest(host: Host): Promise<Entry | null> {
  const name = (await host.files.list(folder)).filter((each) => /^\d{6}\.json$/.test(each)).at(-1);
  const text = name === undefined ? null : await host.files.read(`${folder}/${name}`);
  return text === null ? null : read(text, `${folder}/${name}`);
}

/** Adds an entry, and removes those that are too old. */
export async function record(
  host: Host,
  change: Omit<Entry, 'version' | 'number' | 'previous' | 'hash'>,
): Promise<void> {
  const entries = await readHistory(host);
  const last = entries.at(-1);
  const entry = { version: 1, number: (last?.number ?? 0) + 1, ...change, previous: last?.hash ?? FIRST } as const;
  await host.files.write(path(entry.number), `${JSON.stringify({ ...entry, hash: hash(entry) })}\n`);
  for (const { number } of entries.slice(0, Math.max(0, entries.length + 1 - KEPT)))
    await host.files.remove(path(number));
}

/** @throws OpError `usage` naming the numbers that there are. */
export function entryOf(entries: readonly Entry[], number: number): Entry {
  const found = entries.find((entry) => entry.number === number);
  if (found !== undefined) return found;
  const there =
    entries.length === 0 ? 'There is none as yet.' : `There are ${entries[0]?.number} to ${entries.at(-1)?.number}.`;
  throw new OpError('usage', `no entry ${number} in the history`, { hint: there });
}

/** The entry. @throws OpError `check` when it was changed after it was written: nobody can say what it would lead to. */
export function intact(entry: Entry): Entry {
  const { hash: said, ...rest } = entry;
  if (hash(rest) === said) return entry;
  throw new OpError('check', `entry ${entry.number} was changed after it was written`, { at: path(entry.number) });
}

/** What is wrong with the chain: each entry that was changed, or does not follow the one before. */
export function faults(entries: readonly Entry[]): readonly string[] {
  return entries.flatMap((entry, index) => {
    const { hash: said, ...rest } = entry;
    const before = entries[index - 1];
    return [
      ...(hash(rest) === said ? [] : [`entry ${entry.number} was changed after it was written`]),
      ...(before === undefined || entry.previous === before.hash
        ? []
        : [`entry ${entry.number} does not follow ${before.number}`]),
      ...(before === undefined || entry.number === before.number + 1 ? [] : [`entry ${before.number + 1} is missing`]),
    ];
  });
}

/** The secrets that going back may need. */
export async function secretsOf(host: Host): Promise<readonly string[]> {
  return fingerprints(JSON.stringify(await readHistory(host)));
}

export async function forgetHistory(host: Host): Promise<void> {
  for (const name of await host.files.list(folder)) await host.files.remove(`${folder}/${name}`);
}

const FIRST = '0'.repeat(64);

function path(number: number): string {
  return `${folder}/${String(number).padStart(6, '0')}.json`;
}

function hash(entry: Omit<Entry, 'hash'>): string {
  return createHash('sha256').update(canonical(entry)).digest('hex');
}

function read(text: string, at: string): Entry {
  try {
    const entry = JSON.parse(text) as Entry;
    if (entry.version === 1 && Array.isArray(entry.resources) && typeof entry.hash === 'string') return entry;
  } catch {
    // Told below, as any other text that is no entry.
  }
  throw new OpError('host', 'is no entry of the history', { at, hint: `Look at it, and remove it: rm ${at}` });
}
