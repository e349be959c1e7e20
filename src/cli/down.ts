// op-dbus down: removes what op-dbus has made, and nothing else.

import type { Command } from 'commander';
import { difference } from '../core/plan.ts';
import { forgetApplied } from '../engine/applied.ts';
import { observe } from '../engine/observe.ts';
import { run } from '../engine/run.ts';
import { changingThisHost } from './host.ts';
import { narrate } from './narrate.ts';
import { json, out } from './output.ts';

export function downCommand(program: Command): void {
  program
    .command('down')
    .description('remove what op-dbus has made on this host, and nothing else')
    .option('--json', 'print JSON')
    .action(async (options: { readonly json?: boolean }) => {
      await changingThisHost(async (host, stop) => {
        const changes = difference(await observe(host), []);
        await run(host, changes, options.json ? () => {} : narrate, stop);
        await host.containers.tidy();
        await host.secrets.retain([]);
        await forgetApplied(host);
        await host.files.sweep('/var/lib/op-dbus');
        if (options.json) json({ changed: changes.length > 0, changes });
        else out(changes.length === 0 ? 'Nothing to remove.' : `Removed ${changes.length} things.`);
      });
    });
}
