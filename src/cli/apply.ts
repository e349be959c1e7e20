// op-dbus apply FILE: makes the host be what the file says, whole or not at all.

import type { Command } from 'commander';
import { apply } from '../engine/apply.ts';
import { type Journal, readPending } from '../engine/journal.ts';
import { load } from '../engine/load.ts';
import { leaveWaiting, secondsToConfirm } from './confirm.ts';
import { changingThisHost } from './host.ts';
import { json, note, out } from './output.ts';
import { narrate } from './narrate.ts';

type Options = {
  readonly json?: boolean;
  readonly files?: string;
  readonly resolve?: boolean;
  readonly rollback: boolean;
  /** Seconds. */
  readonly confirm?: number;
};

export function applyCommand(program: Command): void {
  program
    .command('apply')
    .description('make the host be what the file says')
    .argument('<file>', 'state file, - for stdin')
    .option('--files <folder>', 'keys and certificates (default: "files" beside the state file)')
    .option('--resolve', "ask for the addresses of host names anew (in clear, of this host's resolver)")
    .option('--no-rollback', 'when a step fails, leave what is done (it is shut) instead of going back')
    .option('--confirm <seconds>', 'undo it all unless op-dbus confirm comes within so many seconds', secondsToConfirm)
    .option('--json', 'print JSON')
    .action(run);
}

async function run(file: string, options: Options): Promise<void> {
  const started = performance.now();
  const loaded = await load(file, options.files);
  await changingThisHost(async (host, stop) => {
    const { changes, interrupted } = await apply(host, loaded, options.json ? () => {} : narrate, {
      resolve: options.resolve === true,
      back: options.rollback,
      confirm: options.confirm,
      stop,
      note,
    });
    if (interrupted !== null) note(finished(interrupted));
    const pending = await readPending(host);
    if (pending !== null && options.confirm !== undefined) leaveWaiting(pending.began);
    const seconds = ((performance.now() - started) / 1000).toFixed(1);
    if (options.json) json({ changed: changes.length > 0, changes, unconfirmed_until: pending?.until ?? null });
    else if (changes.length === 0)
      out(
        `Nothing to change: the host is as the file says.${options.confirm === undefined ? '' : ' There is nothing to confirm.'}`,
      );
    else out(`Applied ${changes.length} change${changes.length === 1 ? '' : 's'} in ${seconds} s.`);
    if (!options.json && pending !== null) out(`It is undone at ${pending.until} unless you say: op-dbus confirm`);
  });
}

/** What became of a change that was interrupted. */
export function finished({ action, began }: Journal): string {
  return `"${action}" of ${began} was interrupted; this has gone on from where it stopped`;
}
