// op-dbus confirm: keeps a change that apply --confirm made; and what undoes it when nobody does.

import { spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Command, InvalidArgumentError } from 'commander';
import { confirm, expire } from '../engine/confirm.ts';
import { readPending } from '../engine/journal.ts';
import { nodeFiles } from '../drivers/files/client.ts';
import type { Host } from '../drivers/host.ts';
import { OpError } from '../error.ts';
import { changingThisHost } from './host.ts';
import { json, out } from './output.ts';

export function confirmCommand(program: Command): void {
  program
    .command('confirm')
    .description('keep the change that apply --confirm made')
    .option('--json', 'print JSON')
    .action(async (options: { readonly json?: boolean }) => {
      await changingThisHost(async (host) => {
        const { action } = await confirm(host);
        if (options.json) json({ confirmed: action });
        else out(`Confirmed: "${action}" stays.`);
      });
    });
  program
    .command('undo-unconfirmed', { hidden: true })
    .description('what apply --confirm leaves behind: waits, and undoes the change unless it was confirmed')
    .argument('<began>', 'which change, by when it began')
    .argument('<seconds>', 'how long to wait', secondsToConfirm)
    .action(undoUnconfirmed);
}

/** @throws InvalidArgumentError for what is no number of seconds from 5 to 86,400. */
export function secondsToConfirm(text: string): number {
  const seconds = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  if (seconds >= 5 && seconds <= 86_400) return seconds;
  throw new InvalidArgumentError('expected seconds from 5 to 86400');
}

/**
 * Starts what undoes the change when its time is over. It lives on without its parent and terminal; if it doesn't, the daemon,
 * the next command or the next boot does the same.
 */
export function leaveWaiting(began: string, seconds: number): void {
  const [node, script] = process.argv as [string, string];
  const child = spawn(node, [...process.execArgv, script, 'undo-unconfirmed', began, `${seconds}`], {
    detached: true,
    stdio: 'ignore',
    cwd: '/',
  });
  child.unref();
}

/** By the monotonic clock: the host's own may be set meanwhile. */
async function undoUnconfirmed(began: string, seconds: number): Promise<void> {
  const files = { files: nodeFiles() } as Host;
  const waits = async (): Promise<boolean> => (await readPending(files).catch(() => null))?.began === began;
  for (const over = performance.now() + seconds * 1000; performance.now() < over; await sleep(250))
    if (!(await waits())) return;
  while (await waits()) {
    const done = await changingThisHost((host) => expire(host, () => {}, Number.POSITIVE_INFINITY)).catch(
      (error: unknown) => {
        // Somebody else is at work, perhaps to confirm it.
        if (error instanceof OpError) return null;
        throw error;
      },
    );
    if (done === null) await sleep(500);
  }
}
