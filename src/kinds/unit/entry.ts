// What is noted of a unit of ours, and its drop-ins: files of ours in UNIT.d (systemd.unit(5)).

import type { Host } from '../../drivers/host.ts';
import { readKept, writeKept } from '../kept.ts';

export type Property = 'enabled' | 'active' | 'masked';

export type Entry = {
  /** By property: what it was before us, and what we have made it: two values while, or since, a change was interrupted. */
  readonly properties: { readonly [key in Property]?: { readonly before: boolean; readonly ours: readonly boolean[] } };
  /** The drop-ins that are ours, and those that were and may still be there. */
  readonly dropIns: readonly string[];
  /** True from before the first of its files is changed until systemd, and the unit, have taken it. */
  readonly pending: boolean;
};

export const none: Entry = { properties: {}, dropIns: [], pending: false };

export async function entries(host: Host): Promise<Readonly<Record<string, Entry>>> {
  return readKept<Entry>(host, 'unit');
}

/** An entry that holds nothing is forgotten. */
export async function note(host: Host, name: string, entry: Entry): Promise<void> {
  const empty = Object.keys(entry.properties).length === 0 && entry.dropIns.length === 0 && !entry.pending;
  await writeKept(host, 'unit', name, empty ? null : entry);
}

export function folderOf(unit: string): string {
  return `/etc/systemd/system/${unit}.d`;
}

export function dropInPath(unit: string, name: string): string {
  return `${folderOf(unit)}/op-dbus-${name}`;
}

const header = '# Written by op-dbus: what is changed here is changed back.\n';

export function withHeader(text: string): string {
  return `${header}${text}`;
}

/** The content of a drop-in file of ours; what somebody put in its place is told as it is. */
export function withoutHeader(text: string): string {
  return text.startsWith(header) ? text.slice(header.length) : text;
}

export function isOurs(text: string): boolean {
  return text.startsWith(header);
}
