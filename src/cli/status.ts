// op-dbus status: what was applied last, and how each hop of it does now; --check for health checks, by exit status.

import { type Command, InvalidArgumentError, Option } from 'commander';
import { type Answer, live, status, untouched } from '../engine/status.ts';
import { isBare } from './bare.ts';
import { onThisHost } from './host.ts';
import { hopLines, statusLines } from './hops.ts';
import { json, out } from './output.ts';

const checks = ['live', 'ready'] as const;
type Check = (typeof checks)[number];
type Options = {
  readonly json?: boolean;
  readonly check?: Check;
  /** Commander's: the number of seconds, or false for --no-exit. */
  readonly exit: number | false;
};

export function statusCommand(program: Command): void {
  program
    .command('status')
    .description('show what was applied last and how each hop does now')
    .addOption(
      new Option(
        '--check <what>',
        'exit status 0 if so, else 1 with the reason. live: the host can be looked at, no change was interrupted; ready: also no difference, every hop up',
      ).choices(checks),
    )
    .option('--exit <seconds>', 'how long to wait for the address that the Internet sees', seconds, 3)
    .option('--no-exit', "don't ask what address the Internet sees")
    .option('--json', 'print JSON')
    .action(async (options: Options) => {
      process.exitCode = options.check === undefined ? await show(options) : await check(options.check, options);
    });
}

function seconds(text: string): number {
  if (/^[1-9]\d?$/.test(text)) return Number(text);
  throw new InvalidArgumentError('expected seconds, 1 to 99');
}

async function show(options: Options): Promise<number> {
  const exit = options.exit === false ? null : options.exit;
  const seen = await onThisHost(async (host) => (isBare() ? untouched : status(host, { exit })));
  if (options.json) json(seen);
  else for (const line of [...statusLines(seen, Date.now()), ...hopLines(seen.hops)]) out(line);
  return 0;
}

/** One line, for whoever starts it every few seconds and keeps what it says. */
async function check(what: Check, options: Options): Promise<number> {
  const { ok, reasons } = await onThisHost((host) => answer(host, what));
  if (options.json) json({ check: what, ok, reasons });
  else out((ok ? what : `not ${what}: ${reasons.join('; ')}`).replaceAll(/\s*\n\s*/g, ' '));
  return ok ? 0 : 1;
}

async function answer(host: Parameters<typeof live>[0], what: Check): Promise<Answer> {
  if (isBare()) return untouched[what];
  return what === 'live' ? live(host) : (await status(host, { exit: null })).ready;
}
