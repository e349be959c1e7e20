// op-dbus rollback: undoes a change that was interrupted, so that the host is as it was before.

import type { Command } from 'commander';
import { readJournal } from '../engine/journal.ts';
import { goBack } from '../engine/transact.ts';
import { changingThisHost } from './host.ts';
import { narrate } from './narrate.ts';
import { json, out } from './output.ts';

export function rollbackCommand(program: Command): void {
  program
    .command('rollback')
    .description('undo a change that was interrupted')
    .option('--json', 'print JSON')
    .action(async (options: { readonly json?: boolean }) => {
      await changingThisHost(async (host) => {
        const journal = await readJournal(host);
        const changes =
          journal === null ? [] : await goBack(host, journal.checkpoint, options.json ? () => {} : narrate);
        if (options.json) json({ changed: changes.length > 0, undone: journal?.action ?? null, changes });
        else if (journal === null) out('Nothing to undo: no change was interrupted.');
        else out(`Undone: "${journal.action}" of ${journal.began}. The host is as it was before.`);
      });
    });
}
