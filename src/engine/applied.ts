// The state that was applied last, kept so that `verify` knows what to compare with. 0600: it holds credentials.

import { OpError } from '../error.ts';
import type { Host } from '../drivers/host.ts';

const path = '/var/lib/op-dbus/applied.json';

export type Applied = {
  /** The file's path as it was given, for messages. */
  readonly file: string;
  readonly filesFolder: string;
  readonly text: string;
  /** Host name → its IPv4 addresses when it was asked for. It is not asked for again: the question goes out in clear. */
  readonly resolved: Resolved;
};

export type Resolved = Readonly<Record<string, readonly string[]>>;

/** The names known from the last apply; none before the first. */
export async function knownNames(host: Host): Promise<Resolved> {
  const text = await host.files.read(path);
  return text === null ? {} : ((JSON.parse(text) as Applied).resolved ?? {});
}

export async function keepApplied(host: Host, applied: Applied): Promise<void> {
  const before = await host.files.read(path);
  const text = `${JSON.stringify(applied)}\n`;
  if (before !== text) await host.files.write(path, text);
}

/** @throws OpError `usage` when nothing has been applied. */
export async function lastApplied(host: Host): Promise<Applied> {
  const text = await host.files.read(path);
  if (text === null)
    throw new OpError('usage', 'nothing has been applied on this host', { hint: 'Name a file: op-dbus verify FILE' });
  return JSON.parse(text) as Applied;
}

export async function forgetApplied(host: Host): Promise<void> {
  await host.files.remove(path);
}
