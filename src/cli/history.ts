// op-dbus history [N]: the changes that were made, and how; --verify checks that nobody has changed what is written of them.

import type { Command } from 'commander';
import { type Entry, entryOf, faults, readHistory } from '../engine/history.ts';
import { OpError } from '../error.ts';
import { onThisHost } from './host.ts';
import { json, out, table } from './output.ts';
import { entryNumber } from './rollback.ts';

type Options = { readonly json?: boolean; readonly verify?: boolean };

export function historyCommand(program: Command): void {
  program
    .command('history')
    .description('show the changes that were made: which, when, from which file')
    .argument('[number]', 'this one alone, with its commands', entryNumber)
    .option('--verify', 'check the chain of hashes; exit status 1 when it is broken')
    .option('--json', 'print JSON; no credentials')
    .action(async (number: number | undefined, options: Options) => {
      if (number !== undefined && options.verify)
        throw new OpError('usage', 'the chain is checked as a whole', { hint: 'op-dbus history --verify' });
      await onThisHost(async (host) => {
        const entries = await readHistory(host);
        if (options.verify) return verify(entries, options);
        const shown = number === undefined ? entries : [entryOf(entries, number)];
        if (options.json) return json({ entries: shown.map(plain) });
        if (number !== undefined) for (const line of shown[0]?.commands ?? []) out(line);
        else if (entries.length === 0) out('No change was made as yet.');
        else for (const line of table([['N', 'WHEN', 'WHAT', 'COMMANDS', 'HASH'], ...entries.map(row)])) out(line);
      });
    });
}

function verify(entries: readonly Entry[], options: Options): void {
  const found = faults(entries);
  if (options.json) json({ ok: found.length === 0, faults: found });
  if (found.length > 0 && !options.json)
    throw new AggregateError(found.map((fault) => new OpError('check', fault, { at: '/var/lib/op-dbus/history' })));
  if (found.length > 0) process.exitCode = 1;
  else if (!options.json) out(`ok: ${entries.length} entries, each follows the one before.`);
}

function row({ number, at, action, commands, hash }: Entry): readonly string[] {
  return [`${number}`, at.replace(/\.\d+Z$/, 'Z'), action, `${commands.length}`, hash.slice(0, 12)];
}

/** Without the state's text, which holds credentials: specs name them by fingerprint. */
function plain({ applied, ...rest }: Entry): Readonly<Record<string, unknown>> {
  return { ...rest, file: applied.file };
}
