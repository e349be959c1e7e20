// op-dbus diff FILE: what `apply` would do, as commands. Exit status 0: nothing; 2: something; 1: an error.

import type { Command } from 'commander';
import { difference } from '../core/plan.ts';
import { knownNames } from '../engine/applied.ts';
import { observe } from '../engine/observe.ts';
import { render } from '../engine/run.ts';
import { want } from '../engine/want.ts';
import { onThisHost } from './host.ts';
import { load } from './load.ts';
import { json, note, out } from './output.ts';

type Options = { readonly json?: boolean; readonly files?: string; readonly resolve?: boolean };

export function diffCommand(program: Command): void {
  program
    .command('diff')
    .description('show what apply would do; exit status 0 same, 2 differs, 1 error')
    .argument('<file>', 'state file, - for stdin')
    .option('--files <folder>', 'keys and certificates (default: "files" beside the state file)')
    .option('--resolve', "ask for the addresses of host names anew (in clear, of this host's resolver)")
    .option('--json', 'print JSON')
    .action(async (file: string, options: Options) => {
      process.exitCode = await diff(file, options);
    });
}

async function diff(file: string, options: Options): Promise<number> {
  const { state, filesFolder } = await load(file, options.files);
  return onThisHost(async (host) => {
    const known = options.resolve ? {} : await knownNames(host);
    const [wanted, found] = await Promise.all([want(host, state, filesFolder, known), observe(host)]);
    const changes = difference(found, wanted.resources);
    const commands = render(changes);
    if (changes.length > 0) for (const line of wanted.notes) note(line);
    if (options.json) json({ differs: changes.length > 0, changes, commands });
    else if (changes.length === 0) out('No difference: the host is as the file says.');
    else for (const command of commands) out(command);
    return changes.length === 0 ? 0 : 2;
  });
}
