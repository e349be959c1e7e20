// What the daemon tells of itself: a file in /run while it runs, for `op-dbus status`.

import type { Host } from '../drivers/host.ts';

export type Event = { readonly at: string; readonly level: 'info' | 'warning' | 'error'; readonly text: string };

/** An edit of the file that was not taken. */
export type Refusal = { readonly path: string; readonly at: string; readonly why: string };

export type Report = {
  readonly pid: number;
  /** ISO 8601 in UTC, as all times. */
  readonly started: string;
  /** Nothing applied; as applied; something differs still; not yet looked; can't be looked at. */
  readonly state: 'nothing' | 'kept' | 'differs' | 'looking' | 'blind';
  readonly drift: number;
  /** Whether all forwarding is shut since the boot, until the host is as it was applied. */
  readonly shut: boolean;
  readonly held: readonly { readonly what: string; readonly until: string; readonly times: number }[];
  readonly refused: Refusal | null;
  /** The hop that doesn't carry and what it waits for; null when all do, as far as is known. */
  readonly failing: string | null;
  /** The file applied last, as it was given. */
  readonly applied: string | null;
  /** Until when somebody has to confirm that; null when nothing waits for it. */
  readonly unconfirmed: string | null;
  /** Sources that tell nothing just now, and why. */
  readonly deaf: readonly { readonly name: string; readonly why: string }[];
  /** The last ones, the newest at the end. */
  readonly events: readonly Event[];
};

/** 0600; gone with the daemon, unless that was killed. */
export const reportPath = '/run/op-dbus/daemon.json';

/** Null when no daemon runs. */
export async function readReport(host: Host): Promise<Report | null> {
  const text = await host.files.read(reportPath);
  if (text === null || !(await host.machine.held(DAEMON))) return null;
  return JSON.parse(text) as Report;
}

/** Held by the daemon as long as it lives. */
export const DAEMON = '/run/op-dbusd.lock';
