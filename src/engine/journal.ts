// The journal: what the host was before a change that has begun, on disk before the first effect, gone after the last.

import type { Resource } from '../core/resource.ts';
import type { Host } from '../drivers/host.ts';
import { OpError } from '../error.ts';

const path = '/var/lib/op-dbus/journal.json';
const pendingPath = '/var/lib/op-dbus/unconfirmed.json';

export type Journal = {
  readonly version: 1;
  /** What was asked for: `apply /etc/op-dbus/state.json`, `down`. */
  readonly action: string;
  /** When it began, ISO 8601 in UTC. */
  readonly began: string;
  /** Every resource of ours as it was; secrets by fingerprint. To go back is to make the host be this. */
  readonly checkpoint: readonly Resource[];
  /** The history's last entry then; null when it had none. */
  readonly entry: number | null;
  /** It failed, and stays as it is until somebody goes on: not to be undone unasked. */
  readonly held?: boolean;
};

/** A change that is done, and is undone unless somebody confirms it. */
export type Pending = Journal & {
  /** ISO 8601 in UTC, for people: the host's clock may be set meanwhile. */
  readonly until: string;
  /** Seconds of the machine's uptime, when its time is over. */
  readonly over: number;
  /** The boot during which it was made: after another one it is undone at once. */
  readonly boot: string;
};

/** Null when no change is under way or was interrupted. @throws OpError `host` when the file is no journal. */
export async function readJournal(host: Host): Promise<Journal | null> {
  const text = await host.files.read(path);
  return text === null ? null : (read(text, path) as Journal);
}

/** Null when no change waits to be confirmed. @throws as readJournal. */
export async function readPending(host: Host): Promise<Pending | null> {
  const text = await host.files.read(pendingPath);
  return text === null ? null : (read(text, pendingPath) as Pending);
}

export async function keepPending(host: Host, pending: Pending): Promise<void> {
  await host.files.write(pendingPath, `${JSON.stringify(pending)}\n`);
}

export async function forgetPending(host: Host): Promise<void> {
  await host.files.remove(pendingPath);
}

/** On disk when it resolves (the files driver fsyncs). */
export async function writeJournal(host: Host, journal: Journal): Promise<void> {
  await host.files.write(path, `${JSON.stringify(journal)}\n`);
}

export async function closeJournal(host: Host): Promise<void> {
  await host.files.remove(path);
}

function read(text: string, at: string): unknown {
  try {
    const journal = JSON.parse(text) as Journal | null;
    if (journal?.version === 1 && Array.isArray(journal.checkpoint)) return journal;
  } catch {
    // Told below, as any other text that is no journal.
  }
  throw new OpError('host', 'a change was interrupted, and this is no journal that tells what was before it', {
    at,
    hint: `Give up the way back, and apply the file again: rm ${at}`,
  });
}
