// op-dbus confirm: keeps a change that apply --confirm made; and what undoes it when nobody does.

import { spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Command, InvalidArgumentError } from 'commander';
import { confirm, remaining } from '../engine/confirm.ts';
import { readPending } from '../engine/journal.ts';
import { exec } from '../drivers/exec.ts';
import { nodeFiles } from '../drivers/files/client.ts';
import type { Host } from '../drivers/host.ts';
import { thisMachine } from '../drivers/machine/client.ts';
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
export function leaveWaiting(began: string): void {
  const [node, script] = process.argv as [string, string];
  const child = spawn(node, [...process.execArgv, script, 'undo-unconfirmed', began], {
    detached: true,
    stdio: 'ignore',
    cwd: '/',
  });
  child.unref();
}

async function undoUnconfirmed(began: string): Promise<void> {
  const files = nodeFiles();
  const host = { files, machine: thisMachine(exec, files) } as Host;
  const left = async (): Promise<number | null> => {
    const pending = await readPending(host).catch(() => null);
    return pending?.began === began ? remaining(host, pending) : null;
  };
  for (let wait = 250; ; await sleep(wait)) {
    const seconds = await left();
    if (seconds === null) return;
    if (seconds > 0) continue;
    // Every command begins with this. Somebody else may be at work, perhaps to confirm it.
    await changingThisHost(async () => {}).catch(() => {});
    wait = Math.min(wait * 2, 30_000);
  }
}
