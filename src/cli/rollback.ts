// op-dbus rollback [N]: undoes a change that was interrupted or waits to be confirmed; or makes the host be as it was after entry N of the history.

import { type Command, InvalidArgumentError } from 'commander';
import { keepApplied, keepNames } from '../engine/applied.ts';
import { type Entry, entryOf, intact, readHistory } from '../engine/history.ts';
import { readJournal, readPending } from '../engine/journal.ts';
import { goBack } from '../engine/back.ts';
import { transact } from '../engine/transact.ts';
import type { Host } from '../drivers/host.ts';
import { OpError } from '../error.ts';
import { finished } from './apply.ts';
import { changingThisHost } from './host.ts';
import { narrate } from './narrate.ts';
import { json, note, out } from './output.ts';

type Options = { readonly json?: boolean };

export function rollbackCommand(program: Command): void {
  program
    .command('rollback')
    .description(
      'undo a change that was interrupted or waits to be confirmed; else go back to an earlier state (the one before, unless told)',
    )
    .argument('[number]', 'an entry of op-dbus history', entryNumber)
    .option('--json', 'print JSON')
    .action(async (number: number | undefined, options: Options) => {
      await changingThisHost(async (host, stop) => {
        const journal = (await readJournal(host)) ?? (await readPending(host));
        if (journal === null || number !== undefined)
          return back(host, intact(await chosen(host, number)), options, stop);
        const changes = await goBack(host, journal, options.json ? () => {} : narrate);
        if (options.json) json({ changed: changes.length > 0, undone: journal.action, changes });
        else out(`Undone: "${journal.action}" of ${journal.began}. The host is as it was before.`);
      });
    });
}

/** The entry's number as it is written on the command line. */
export function entryNumber(text: string): number {
  if (/^[1-9]\d{0,5}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('expected the number of an entry, as op-dbus history shows them');
}

async function chosen(host: Host, number: number | undefined): Promise<Entry> {
  const entries = await readHistory(host);
  if (number !== undefined) return entryOf(entries, number);
  const before = entries.at(-2);
  if (before === undefined)
    throw new OpError(
      'usage',
      'nothing to go back to: no change was interrupted, and the history has no earlier state',
      {
        hint: 'op-dbus down removes everything.',
      },
    );
  return before;
}

async function back(host: Host, entry: Entry, options: Options, stop: AbortSignal): Promise<void> {
  const { number, applied, names, resources } = entry;
  const kept = async (): Promise<void> => {
    await keepNames(host, names);
    await keepApplied(host, applied);
  };
  const goal = { action: `rollback ${number}`, wanted: resources, kept, entry: { applied, names }, back: true };
  const { changes, interrupted } = await transact(host, goal, options.json ? () => {} : narrate, stop);
  if (interrupted !== null) note(finished(interrupted));
  if (options.json) json({ changed: changes.length > 0, to: number, changes });
  else if (changes.length === 0) out(`Nothing to change: the host is as after entry ${number}.`);
  else out(`The host is as after entry ${number}: ${entry.action}, ${entry.at}.`);
}
