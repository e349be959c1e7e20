// op-dbus verify [FILE]: compares the host with the file (the last applied one) and asks every hop whether it works.

import type { Command } from 'commander';
import { knownNames, lastApplied } from '../engine/applied.ts';
import { verify } from '../engine/verify.ts';
import { expected } from '../engine/expected.ts';
import { type Wanted, want } from '../engine/want.ts';
import type { Host } from '../drivers/host.ts';
import { onThisHost } from './host.ts';
import { load, type Loaded } from '../engine/load.ts';
import { json, out } from './output.ts';

type Options = { readonly json?: boolean; readonly files?: string };

export function verifyCommand(program: Command): void {
  program
    .command('verify')
    .description('compare the host with the file and ask every hop whether it works; exit status 0 when all is well')
    .argument('[file]', 'state file, - for stdin (default: the one applied last)')
    .option('--files <folder>', 'keys and certificates (default: "files" beside the state file)')
    .option('--json', 'print JSON')
    .action(async (file: string | undefined, options: Options) => {
      process.exitCode = await check(file, options);
    });
}

async function wanted(host: Host, { state, filesFolder }: Loaded): Promise<Wanted> {
  return want(host, state, filesFolder, await knownNames(host));
}

/** As a person types it; by standard input it is asked for again. */
function shown(file: string, files: string | undefined): string {
  const words = ['op-dbus', 'diff', file, ...(files === undefined ? [] : ['--files', files])];
  return words.map((word) => (/^[\w./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`)).join(' ');
}

async function check(file: string | undefined, options: Options): Promise<number> {
  return onThisHost(async (host) => {
    const { resources } =
      file === undefined
        ? await expected(host, await lastApplied(host))
        : await wanted(host, await load(file, options.files));
    const { checks, drift } = await verify(
      host,
      resources,
      ...(file === undefined ? [] : [shown(file, options.files)]),
    );
    const ok = checks.every((one) => one.ok);
    if (options.json) json({ ok, checks, drift });
    else
      for (const one of checks)
        out(
          `${one.ok ? 'ok  ' : 'FAIL'}  ${one.name}: ${one.detail.replaceAll('\n', '\n      ')}${one.ok ? '' : `\n      look: ${one.command}`}`,
        );
    return ok ? 0 : 1;
  });
}
