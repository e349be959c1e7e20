// What the lab knows of itself between commands: its folder, its cgroup, the record of its hosts, the lock.

import { readFile, rename, writeFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { OpError } from '../error.ts';
import { locked as lock } from '../drivers/lock.ts';
import { startTime } from '../drivers/process.ts';
import { source } from '../drivers/source.ts';
import { HOSTS, type HostName } from './topology.ts';

/** Everything of the lab lies here, and goes with `lab down`. The tests have a lab of their own, beside a person's. */
export const FOLDER = folder(process.env['OP_DBUS_LAB'] ?? '/var/lib/op-dbus-lab');
/** Our own view of the cgroup2 hierarchy, mounted while the lab is up: machines mount it at different places or nowhere. */
export const CGROUPS = `${FOLDER}/cgroup`;
/** The cgroup of all lab hosts; each has one below it. */
export const CGROUP = `${CGROUPS}/${basename(FOLDER)}`;
export const RECORD = `${FOLDER}/lab.json`;

/** A host's pid 1 as the machine numbers it, with its start time (proc_pid_stat(5), field 22) against reuse of the pid. */
export type Pid1 = { readonly pid: number; readonly start: string };
export type LabRecord = {
  readonly version: 1;
  readonly hosts: Readonly<Partial<Record<HostName, Pid1>>>;
  /** Whether `lab up` came to its end. */
  readonly whole: boolean;
};

/** For hints: the command as it can be run from anywhere, whether or not it is in the path. */
export const OP_DBUS = source('bin/op-dbus');

/** The lab removes its folder, so it may only be one that can't be anything else's. */
function folder(path: string): string {
  if (/^\/var\/lib\/op-dbus-lab[A-Za-z0-9-]*$/.test(path)) return path;
  throw new OpError('usage', `${path} can't be a lab`, { at: 'OP_DBUS_LAB', hint: 'Like /var/lib/op-dbus-lab-2.' });
}

export function hostFolder(host: HostName): string {
  return `${FOLDER}/hosts/${host}`;
}

/** The record; null when there is none or it can't be read (then only the cgroup and the folder tell what is left). */
export async function readRecord(): Promise<LabRecord | null> {
  try {
    const value: unknown = JSON.parse(await readFile(RECORD, 'utf8'));
    return isRecord(value) ? value : null;
  } catch {
    return null;
  }
}

export async function writeRecord(record: LabRecord): Promise<void> {
  await writeFile(`${RECORD}.new`, `${JSON.stringify(record, null, 2)}\n`, { mode: 0o600 });
  await rename(`${RECORD}.new`, RECORD);
}

function isRecord(value: unknown): value is LabRecord {
  if (typeof value !== 'object' || value === null || !('version' in value) || value.version !== 1) return false;
  if (!('whole' in value) || typeof value.whole !== 'boolean') return false;
  if (!('hosts' in value) || typeof value.hosts !== 'object' || value.hosts === null) return false;
  return Object.entries(value.hosts).every(
    ([name, pid1]) =>
      HOSTS.some((host) => host === name) && typeof pid1?.pid === 'number' && typeof pid1?.start === 'string',
  );
}

/**
 * Whether the process runs. One that has ended doesn't, also while the kernel keeps it: as a zombie, or, being its
 * namespace's pid 1, as long as nobody takes in the zombies of that namespace (pid_namespaces(7)).
 */
export async function alive(pid1: Pid1): Promise<boolean> {
  return (await startTime(pid1.pid)) === pid1.start && !(await exiting(pid1.pid));
}

/** By the kernel's flag PF_EXITING (proc_pid_stat(5), field 9): memory, files, cgroup and namespaces are given up. */
async function exiting(pid: number): Promise<boolean> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => null);
  const flags = stat?.slice(stat.lastIndexOf(')') + 2).split(' ')[6];
  return flags === undefined || (Number(flags) & PF_EXITING) !== 0;
}

const PF_EXITING = 0x4;

/** Runs `action` while no other `lab up`, `down` or `prove` of this lab does. @throws OpError `host` when one does. */
export function locked<T>(action: () => Promise<T>): Promise<T> {
  return lock(`/run/${basename(FOLDER)}.lock`, 'op-dbus lab command', action);
}
