// The journal: what the host was before a change that has begun, on disk before the first effect, gone after the last.

import type { Resource } from '../core/resource.ts';
import type { Host } from '../drivers/host.ts';

const path = '/var/lib/op-dbus/journal.json';

export type Journal = {
  readonly version: 1;
  /** What was asked for: `apply /etc/op-dbus/state.json`, `down`. */
  readonly action: string;
  /** When it began, ISO 8601 in UTC. */
  readonly began: string;
  /** Every resource of ours as it was; secrets by fingerprint. To go back is to make the host be this. */
  readonly checkpoint: readonly Resource[];
};

/** Null when no change is under way or was interrupted. */
export async function readJournal(host: Host): Promise<Journal | null> {
  const text = await host.files.read(path);
  return text === null ? null : (JSON.parse(text) as Journal);
}

/** On disk when it resolves (the files driver fsyncs). */
export async function writeJournal(host: Host, journal: Journal): Promise<void> {
  await host.files.write(path, `${JSON.stringify(journal)}\n`);
}

export async function closeJournal(host: Host): Promise<void> {
  await host.files.remove(path);
}
