// op-dbus verify [FILE]: compares the host with the file (the last applied one) and asks every hop whether it works.

import type { Command } from 'commander';
import { knownNames, lastApplied } from '../engine/applied.ts';
import { verify } from '../engine/verify.ts';
import { want } from '../engine/want.ts';
import { onThisHost } from './host.ts';
import { load, parsed } from '../engine/load.ts';
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

async function check(file: string | undefined, options: Options): Promise<number> {
  return onThisHost(async (host) => {
    const { state, filesFolder } =
      file === undefined ? parsed(await lastApplied(host)) : await load(file, options.files);
    const { checks, drift } = await verify(
      host,
      (await want(host, state, filesFolder, await knownNames(host))).resources,
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
