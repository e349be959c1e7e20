// op-dbus down: removes what op-dbus has made, and nothing else.

import type { Command } from 'commander';
import { forgetApplied } from '../engine/applied.ts';
import { reopen } from '../engine/boot/block.ts';
import { forgetHistory } from '../engine/history.ts';
import { transact } from '../engine/transact.ts';
import { finished } from './apply.ts';
import { isBare } from './bare.ts';
import { changingThisHost, onThisHost } from './host.ts';
import { narrate } from './narrate.ts';
import { json, note, out } from './output.ts';

export function downCommand(program: Command): void {
  program
    .command('down')
    .description('remove what op-dbus has made on this host, its history too, and nothing else')
    .option('--json', 'print JSON')
    .action(async (options: { readonly json?: boolean }) => {
      if (isBare()) return bare(options);
      await changingThisHost(async (host, stop) => {
        // Whoever wants all gone is not helped by having it back: what fails is left for the next try.
        const closed = async (): Promise<void> => {
          await forgetApplied(host);
          await forgetHistory(host);
        };
        const goal = { action: 'down', wanted: [], kept: async () => {}, closed, entry: null, back: false };
        const { changes, interrupted } = await transact(host, goal, options.json ? () => {} : narrate, stop);
        await host.files.sweep('/var/lib/op-dbus');
        if (interrupted !== null) note(finished(interrupted));
        if (options.json) json({ changed: changes.length > 0, changes });
        else
          out(
            changes.length === 0
              ? 'Nothing to remove.'
              : `Removed ${changes.length} thing${changes.length === 1 ? '' : 's'}.`,
          );
      });
    });
}

/** Forwarding may be shut since the boot, and no daemon there that would see that nothing is applied. */
async function bare(options: { readonly json?: boolean }): Promise<void> {
  if (process.getuid?.() === 0) await onThisHost(reopen);
  if (options.json) json({ changed: false, changes: [] });
  else out('Nothing to remove.');
}
