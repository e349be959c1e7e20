// The range of machine ids that containers' users are mapped to (subuid(5)): root's own entry, or a free range.

import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { optional } from './record.ts';

const COUNT = 65_536;
const FILES = ['subuid', 'subgid'] as const;

/**
 * The first machine id of the range: that of root's entry in both files, else 100000 or the next range that nobody
 * else has, since whoever shares the range can enter the containers.
 */
export async function base(etc: string): Promise<number> {
  const entries = await Promise.all(FILES.map((file) => read(`${etc}/${file}`)));
  const [users, groups] = entries as [readonly Entry[], readonly Entry[]];
  const own = users.find((entry) => mine(entry) && groups.some((other) => mine(other) && other.start === entry.start));
  if (own !== undefined) return own.start;
  let start = 100_000;
  const taken = [...users, ...groups].toSorted((a, b) => a.start - b.start);
  for (const entry of taken)
    if (entry.start < start + COUNT && start < entry.start + entry.count) start = entry.start + entry.count;
  return start;
}

/** Whether root has the range in both files. */
export async function reserved(etc: string, start: number): Promise<boolean> {
  const has = await Promise.all(FILES.map((file) => holds(`${etc}/${file}`, start)));
  return has.every((one) => one);
}

/** Gives root the range in both files: newuidmap(1) insists. */
export async function reserve(etc: string, start: number): Promise<void> {
  for (const file of FILES) {
    if (await holds(`${etc}/${file}`, start)) continue;
    const before = (await optional(readFile(`${etc}/${file}`, 'utf8'))) ?? '';
    await replace(`${etc}/${file}`, `${before}${before === '' || before.endsWith('\n') ? '' : '\n'}${line(start)}\n`);
  }
}

/** Takes root's range back out, and what an interrupted change left. */
export async function release(etc: string, start: number): Promise<void> {
  for (const file of FILES) {
    await rm(`${etc}/${file}.op-dbus`, { force: true });
    const before = (await optional(readFile(`${etc}/${file}`, 'utf8'))) ?? '';
    const after = before.split('\n').filter((text) => text !== line(start));
    if (after.join('\n') !== before) await replace(`${etc}/${file}`, after.join('\n'));
  }
}

type Entry = { readonly user: string; readonly start: number; readonly count: number };

function mine({ user, count }: Entry): boolean {
  return (user === 'root' || user === '0') && count >= COUNT;
}

async function holds(path: string, start: number): Promise<boolean> {
  return (await read(path)).some((entry) => mine(entry) && entry.start === start);
}

function line(start: number): string {
  return `root:${start}:${COUNT}`;
}

async function read(path: string): Promise<readonly Entry[]> {
  const text = (await optional(readFile(path, 'utf8'))) ?? '';
  return [...text.matchAll(/^([^:#\s]+):(\d+):(\d+)\s*$/gm)].map(([, user = '', start, count]) => ({
    user,
    start: Number(start),
    count: Number(count),
  }));
}

async function replace(path: string, content: string): Promise<void> {
  try {
    await writeFile(`${path}.op-dbus`, content, { mode: 0o644, flush: true });
    await rename(`${path}.op-dbus`, path);
  } catch (error) {
    // A file that is itself a mount can't be renamed over.
    if (!(error instanceof Error && 'code' in error && error.code === 'EBUSY')) throw error;
    await rm(`${path}.op-dbus`);
    await writeFile(path, content);
  }
}
