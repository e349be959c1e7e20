// What is left over: by a command that was interrupted, and by the last container when it goes.

import { readdir, readFile, rm, stat } from 'node:fs/promises';
import { type Exec, run } from '../exec.ts';
import { device, type Layout } from './config.ts';
import { discard } from './discard.ts';
import { devices } from './live.ts';
import { type Entry, type Records, optional, removeEmpty } from './record.ts';
import { release } from './subid.ts';

/** A plain LXC container. `lower` is the template's tree that an overlay stands on, `base` the machine's id of its root. */
export type LxcEntry = Entry & { readonly layout: Layout; readonly base: number; readonly lower: string };

/** What of the records goes with the container; its filter is a resource of its own. */
export const ofContainer = ['definition.json', 'hook.env', 'pid', 'monitor', 'failure', 'lxc.log'] as const;

/** Where a container is while it is made, and once it is to go; no container has such a name. */
export function hidden(lxc: string, name: string): string {
  return `${lxc}/.op-dbus-${name}`;
}

/** Where a container is that was destroyed, until `sweep`; no container has such a name either. */
export function aside(lxc: string, name: string): string {
  return `${lxc}/.op-dbus+${name}`;
}

/** The file in such a folder that holds the container's record. */
export const ASIDE = 'op-dbus.json';

/** The record of a container that was put aside; null when there is none, or not a whole one. */
export async function putAside(lxc: string, name: string): Promise<LxcEntry | null> {
  const text = await optional(readFile(`${aside(lxc, name)}/${ASIDE}`, 'utf8'));
  return text === null ? null : (JSON.parse(text) as LxcEntry);
}

/** The records of all of them. */
export async function allAside(lxc: string): Promise<readonly LxcEntry[]> {
  const entries = (await optional(readdir(lxc))) ?? [];
  const names = entries.flatMap((entry) => /^\.op-dbus\+(.+)$/.exec(entry)?.[1] ?? []);
  return (await Promise.all(names.map((name) => putAside(lxc, name)))).flatMap((entry) => entry ?? []);
}

export async function anyAside(lxc: string): Promise<boolean> {
  return ((await optional(readdir(lxc))) ?? []).some((entry) => entry.startsWith('.op-dbus+'));
}

/** Removes hidden folders, and the records of containers that are not there. No container may be in the making. */
export async function sweep(exec: Exec, lxc: string, records: Records): Promise<void> {
  const entries = (await optional(readdir(lxc))) ?? [];
  for (const entry of entries) if (/^\.op-dbus[-+]/.test(entry)) await discard(exec, `${lxc}/${entry}`);
  for (const name of await records.names()) {
    const whole = (await records.get(name)) !== null && (await optional(stat(`${lxc}/${name}`))) !== null;
    if (!whole) await records.remove(name, ofContainer);
  }
}

/**
 * Removes the veth pairs of containers that are gone or have another kind of device now: their hook took them back, and
 * has marked them. What has such a name without the mark is somebody else's.
 */
export async function removePeers(exec: Exec, records: Records): Promise<void> {
  const entries = await Promise.all((await records.names()).map((name) => records.get(name)));
  const needed = new Set(entries.flatMap((entry) => (entry === null ? [] : device(entry.definition).outer)));
  for (const found of await devices('self')) {
    if (!/^op-peer\d+$/.test(found) || needed.has(found)) continue;
    const shown = await run(exec, ['ip', '-j', 'link', 'show', 'dev', found]);
    const [link] = JSON.parse(shown) as readonly { readonly ifalias?: string }[];
    if (link?.ifalias === 'op-dbus') await run(exec, ['ip', 'link', 'delete', 'dev', found]);
  }
}

/** Removes the hook and the range of ids, with the records' folder when it is empty then. */
export async function removeShared(home: string, etc: string): Promise<void> {
  const start = await optional(readFile(`${home}/subid`, 'utf8'));
  if (start !== null) await release(etc, Number(start));
  for (const end of ['', '.new']) await rm(`${home}/subid${end}`, { force: true });
  await removeHook(home);
}

/** Removes the hook, with the folder when it is empty then. */
export async function removeHook(home: string): Promise<void> {
  for (const end of ['', '.new']) await rm(`${home}/hook${end}`, { force: true });
  await removeEmpty(home);
}
