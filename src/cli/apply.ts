// op-dbus apply FILE: makes the host be what the file says, then looks again.

import { statSync } from 'node:fs';
import type { Command } from 'commander';
import { difference } from '../core/plan.ts';
import { fingerprints } from '../core/secret.ts';
import { keepApplied, keepNames, knownNames } from '../engine/applied.ts';
import { observe } from '../engine/observe.ts';
import { render, run } from '../engine/run.ts';
import { want } from '../engine/want.ts';
import { OpError } from '../error.ts';
import { changingThisHost } from './host.ts';
import { load } from './load.ts';
import { json, note, out } from './output.ts';
import { narrate } from './narrate.ts';

type Options = { readonly json?: boolean; readonly files?: string; readonly resolve?: boolean };

export function applyCommand(program: Command): void {
  program
    .command('apply')
    .description('make the host be what the file says')
    .argument('<file>', 'state file, - for stdin')
    .option('--files <folder>', 'keys and certificates (default: "files" beside the state file)')
    .option('--resolve', "ask for the addresses of host names anew (in clear, of this host's resolver)")
    .option('--json', 'print JSON')
    .action(apply);
}

/** The shell's redirection makes files that everybody can read; this one holds the UUID. */
function exposed(file: string): readonly string[] {
  const mode = file === '-' ? 0 : statSync(file).mode;
  return (mode & 0o044) === 0 ? [] : [`${file} holds credentials and others can read it: chmod 600 ${file}`];
}

async function apply(file: string, options: Options): Promise<void> {
  const started = performance.now();
  const { text, state, filesFolder } = await load(file, options.files);
  await changingThisHost(async (host, stop) => {
    const known = options.resolve ? {} : await knownNames(host);
    const [wanted, found] = await Promise.all([want(host, state, filesFolder, known), observe(host)]);
    const changes = difference(found, wanted.resources);
    if (changes.length > 0) {
      await host.containers.tidy();
      for (const line of [...exposed(file), ...wanted.notes]) note(line);
      // What was asked for in clear is not asked for again, and stays the same, also when a stage fails.
      const keep = async (): Promise<void> => keepNames(host, { ...(await knownNames(host)), ...wanted.resolved });
      await run(host, changes, options.json ? () => {} : narrate, stop, keep);
      const left = difference(await observe(host), wanted.resources);
      if (left.length > 0)
        throw new OpError('check', `after applying, the host still differs: ${render(left).join('; ')}`, {
          hint: 'Something else may be changing the host. Look again with: op-dbus diff FILE',
        });
    }
    await keepNames(host, wanted.resolved);
    await keepApplied(host, { file, filesFolder, text });
    await host.secrets.retain(fingerprints(JSON.stringify(wanted.resources)));
    const seconds = ((performance.now() - started) / 1000).toFixed(1);
    if (options.json) json({ changed: changes.length > 0, changes });
    else if (changes.length === 0) out('Nothing to change: the host is as the file says.');
    else out(`Applied ${changes.length} changes in ${seconds} s.`);
  });
}
