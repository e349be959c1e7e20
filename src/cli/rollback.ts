// op-dbus rollback [N]: undoes a change that was interrupted or waits to be confirmed; or makes the host be as it was after entry N of the history.

import { type Command, InvalidArgumentError } from 'commander';
import { rollback } from '../engine/rollback.ts';
import { finished } from './apply.ts';
import { changingThisHost } from './host.ts';
import { narrate } from './narrate.ts';
import { json, note, out } from './output.ts';

type Options = { readonly json?: boolean };

export function rollbackCommand(program: Command): void {
  program
    .command('rollback')
    .description(
      'undo a change that was interrupted or waits to be confirmed; else go back to an earlier state (unless told the one before this, further each time)',
    )
    .argument('[number]', 'an entry of op-dbus history', entryNumber)
    .option('--json', 'print JSON')
    .action(run);
}

/** The entry's number as it is written on the command line. */
export function entryNumber(text: string): number {
  if (/^[1-9]\d{0,5}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('expected the number of an entry, as op-dbus history shows them');
}

async function run(number: number | undefined, options: Options): Promise<void> {
  await changingThisHost(async (host, stop) => {
    const result = await rollback(host, number ?? null, options.json ? () => {} : narrate, stop);
    const { changes } = result;
    const changed = changes.length > 0;
    if ('undone' in result) {
      const { action, began } = result.undone;
      if (options.json) json({ changed, undone: action, changes });
      else out(`Undone: "${action}" of ${began}. The host is as it was before.`);
      return;
    }
    const { to, interrupted } = result;
    if (interrupted !== null) note(finished(interrupted));
    if (options.json) json({ changed, to: to.number, changes });
    else if (!changed) out(`Nothing to change: the host is as after entry ${to.number}.`);
    else out(`The host is as after entry ${to.number}: ${to.action}, ${to.at}.`);
  });
}
