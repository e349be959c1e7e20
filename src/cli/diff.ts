// op-dbus diff FILE: what `apply` would do, as commands. Exit status 0: nothing; 2: something; 1: an error.

import type { Command } from 'commander';
import { difference } from '../core/plan.ts';
import { knownNames } from '../engine/applied.ts';
import { entryOf, intact, readHistory } from '../engine/history.ts';
import { observe } from '../engine/observe.ts';
import { render } from '../engine/run.ts';
import { want } from '../engine/want.ts';
import type { Resource } from '../core/resource.ts';
import type { Host } from '../drivers/host.ts';
import { OpError } from '../error.ts';
import { entryNumber } from './rollback.ts';
import { onThisHost } from './host.ts';
import { load, type Loaded } from '../engine/load.ts';
import { json, note, out } from './output.ts';

type Options = { readonly json?: boolean; readonly files?: string; readonly resolve?: boolean; readonly to?: number };

export function diffCommand(program: Command): void {
  program
    .command('diff')
    .description('show what apply would do; exit status 0 same, 2 differs, 1 error')
    .argument('[file]', 'state file, - for stdin')
    .option('--files <folder>', 'keys and certificates (default: "files" beside the state file)')
    .option('--resolve', "ask for the addresses of host names anew (in clear, of this host's resolver)")
    .option(
      '--to <number>',
      'instead of a file: an entry of op-dbus history, as rollback would go back to it',
      entryNumber,
    )
    .option('--json', 'print JSON')
    .action(async (file: string | undefined, options: Options) => {
      process.exitCode = await diff(file, options);
    });
}

type Aim = { readonly resources: readonly Resource[]; readonly notes: readonly string[] };

async function diff(file: string | undefined, options: Options): Promise<number> {
  if ((file === undefined) === (options.to === undefined))
    throw new OpError('usage', 'expected a file, or --to with an entry of the history', { hint: 'op-dbus diff FILE' });
  const loaded = file === undefined ? null : await load(file, options.files);
  return onThisHost(async (host) => {
    const [wanted, found] = await Promise.all([aim(host, loaded, options), observe(host)]);
    const changes = difference(found, wanted.resources);
    const commands = render(changes);
    if (changes.length > 0) for (const line of wanted.notes) note(line);
    if (options.json) json({ differs: changes.length > 0, changes, commands });
    else if (changes.length > 0) for (const command of commands) out(command);
    else out(`No difference: the host is as ${loaded === null ? `after entry ${options.to}` : 'the file says'}.`);
    return changes.length === 0 ? 0 : 2;
  });
}

async function aim(host: Host, loaded: Loaded | null, options: Options): Promise<Aim> {
  if (loaded === null)
    return { resources: intact(entryOf(await readHistory(host), options.to ?? 0)).resources, notes: [] };
  return want(host, loaded.state, loaded.filesFolder, options.resolve ? {} : await knownNames(host));
}
