// op-dbus daemon: what op-dbusd runs.

import type { Command } from 'commander';
import { daemon } from '../daemon/daemon.ts';
import { DAEMON, type Event } from '../engine/report.ts';
import { exec, run } from '../drivers/exec.ts';
import { ifFree, LOCK, locked } from '../drivers/lock.ts';
import { onThisHost } from './host.ts';
import { plainly } from './output.ts';
import { version } from './version.ts';

export function daemonCommand(program: Command): void {
  program
    .command('daemon')
    .description('keep this host as the state applied last says, and as its file is edited (op-dbusd runs it)')
    .action(async () => {
      const ready = notifier();
      await onThisHost((host) =>
        locked(DAEMON, 'op-dbusd', () => daemon({ host, stop: ended(), alone, log, version, ready })),
      );
    });
}

/** Tells whoever started us that we are ready, where it wants to know (sd_notify(3)). */
function notifier(): () => Promise<void> {
  const socket = process.env['NOTIFY_SOCKET'];
  if (socket === undefined) return async () => {};
  // Not for what we start: a container's init would be taken for us.
  delete process.env['NOTIFY_SOCKET'];
  const argv = ['systemd-notify', '--ready', `--pid=${process.pid}`] as const;
  return async () => void (await run(exec, argv, { env: { NOTIFY_SOCKET: socket } }));
}

async function alone<T>(action: () => Promise<T>): Promise<T | null> {
  return (await ifFree(LOCK, action))?.result ?? null;
}

/** Raised by SIGTERM and Ctrl-C; SIGHUP is nothing to end for. */
function ended(): AbortSignal {
  const stop = new AbortController();
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => stop.abort());
  process.on('SIGHUP', () => {});
  return stop.signal;
}

/** With the level as the journal takes it from a line's beginning (sd-daemon(3)). */
function log({ at, level, text }: Event): void {
  const line = plainly(text.replaceAll('\n', ' '));
  const inJournal = process.env['JOURNAL_STREAM'] !== undefined;
  process.stdout.write(
    inJournal ? `<${{ info: 6, warning: 4, error: 3 }[level]}>${line}\n` : `${at} ${level}: ${line}\n`,
  );
}
