// op-dbus warp register|import|status: the account with Cloudflare's WARP, its key and values for the state file.

import { access, constants, open, stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { createInterface } from 'node:readline/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Command, InvalidArgumentError } from 'commander';
import { shortId } from '../core/init/account.ts';
import { settings } from '../core/init/place.ts';
import type { Warp } from '../core/init/wgcf.ts';
import { type Exec, exec } from '../drivers/exec.ts';
import { nodeFiles } from '../drivers/files/client.ts';
import { thisMachine } from '../drivers/machine/client.ts';
import { wgcf } from '../drivers/wgcf/client.ts';
import { fetched } from '../drivers/wgcf/download.ts';
import { type Pin, pins } from '../drivers/wgcf/pin.ts';
import { alone, FOLDER, kept, profilePath } from '../engine/warp/account.ts';
import { deliver, free, type Target, target } from '../engine/warp/deliver.ts';
import { brought, keep } from '../engine/warp/import.ts';
import { type Given, register, type Registered } from '../engine/warp/register.ts';
import { OpError } from '../error.ts';
import { err, json, note, out } from './output.ts';
import { warpStatus } from './warp-status.ts';

type Options = {
  readonly folder: string;
  readonly files?: string;
  readonly state?: string;
  readonly wgcf?: string;
  readonly acceptTos?: boolean;
  readonly force?: boolean;
  readonly tries: number;
  readonly json?: boolean;
};

/** Where Cloudflare's terms are, as wgcf itself names them. */
const TERMS = 'https://www.cloudflare.com/application/terms/';

export function warpCommand(program: Command): void {
  const warp = program.command('warp').description("the account with Cloudflare's WARP: register, import, status");
  shared(
    warp
      .command('register')
      .description('register a device by wgcf, once, and bring its key and values to the state file')
      .option('--accept-tos', "agree to Cloudflare's terms without being asked"),
  ).action((options: Options) => registerNow(options));
  shared(
    warp
      .command('import')
      .description('take in what wgcf wrote elsewhere: wgcf-profile.conf or wgcf-account.toml')
      .argument('<file>', 'its path'),
  ).action((file: string, options: Options) => importNow(file, options));
  warpStatus(warp);
}

function shared(command: Command): Command {
  return command
    .option('--state <file>', 'a state file to be filled in: address, endpoint, public_key, mtu')
    .option('--files <folder>', 'where keys are looked for (default: "files" beside the state file)')
    .option('--wgcf <path>', 'the program wgcf (default: the one on PATH, else a pinned release is fetched)')
    .option('--folder <folder>', 'where the account is kept', FOLDER)
    .option('--tries <number>', 'how often Cloudflare is asked when it says "too many"', count, 4)
    .option('--force', 'replace another private key in the files folder')
    .option('--json', 'print JSON');
}

function count(text: string): number {
  if (/^[1-9]$/.test(text)) return Number(text);
  throw new InvalidArgumentError('expected a number from 1 to 9');
}

async function registerNow(options: Options): Promise<void> {
  const folder = resolve(options.folder);
  const files = nodeFiles();
  // Whatever can go wrong with the files is told before Cloudflare is asked for an account.
  const goal = await target(options.state, options.files);
  const done = await alone(files, folder, async (lock) => {
    const { account } = await kept(files, folder);
    if (account !== null) note(`there is an account (${shortId(account)}): it is used, and none is registered`);
    if (!options.force) await free(files, goal, account?.privateKey ?? null);
    return register(await given(options, folder, lock));
  });
  await finish(options, folder, goal, done);
}

async function importNow(file: string, options: Options): Promise<void> {
  const folder = resolve(options.folder);
  const files = nodeFiles();
  const text = await bring(file);
  const what = brought(text, file);
  if (/^\s*Post(Up|Down)\s*=/im.test(text))
    note(
      `PostUp and PostDown of ${file} are left out: op-dbus makes the tunnel's routes, and a switch port it can't be`,
    );
  const goal = await target(options.state, options.files);
  const own = 'account' in what ? what.account : what.warp;
  const done = await alone(files, folder, async (lock) => {
    if (!options.force) await free(files, goal, own.privateKey);
    await keep(files, folder, text, what);
    return 'account' in what ? register(await given(options, folder, lock)) : what;
  });
  await finish(options, folder, goal, done);
}

async function bring(file: string): Promise<string> {
  try {
    // O_NONBLOCK: a FIFO must not hang us.
    await using handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK);
    const found = await handle.stat();
    if (!found.isFile() || found.size > LARGEST) throw new Error(found.isFile() ? 'too large' : 'no regular file');
    if ((found.mode & 0o077) !== 0) note(`others can read ${file}, in which there is a private key: chmod 600 ${file}`);
    return await handle.readFile('utf8');
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    const why = code === 'ENOENT' ? 'no such file' : `can't be read: ${message}`;
    throw new OpError('usage', why, {
      at: file,
      cause,
      hint: 'Give the path of wgcf-profile.conf or wgcf-account.toml.',
    });
  }
}

/** Bytes: both files have some hundred. */
const LARGEST = 65_536;

async function given(options: Options, folder: string, lock: number): Promise<Given> {
  // It may outlive us, and register meanwhile: until it has ended nobody else is to.
  const holding: Exec = (argv, more) => exec(argv, { ...more, descriptor: lock });
  const here = await installed(options);
  return {
    files: nodeFiles(),
    folder,
    wgcf: async () => wgcf(holding, here ?? (await fetched(pinned(), folder, note))),
    consent: () => agree(options.acceptTos === true),
    tries: options.tries,
    pause: sleep,
    say: note,
    now: () => new Date(),
  };
}

/** The program's path; null: it must be fetched. */
async function installed({ wgcf: path }: Options): Promise<string | null> {
  if (path === undefined) return thisMachine(exec, nodeFiles()).program('wgcf');
  const runs = await access(path, constants.X_OK).then(
    async () => (await stat(path)).isFile(),
    () => false,
  );
  if (runs) return resolve(path);
  throw new OpError('usage', `${path}: not a program`, {
    at: '--wgcf',
    hint: `Is it there, and a file? If so: chmod +x ${path}`,
  });
}

function pinned(): Pin {
  const pin = pins[process.arch];
  if (pin !== undefined) return pin;
  throw new OpError('host', `no release of wgcf is pinned for ${process.arch}`, {
    hint: 'Give the program: --wgcf PATH',
  });
}

/** @throws OpError `usage` when the user does not agree, or there is nobody to ask. */
async function agree(accepted: boolean): Promise<void> {
  if (accepted) return;
  if (!process.stdin.isTTY || !process.stderr.isTTY)
    throw new OpError('usage', "a registration needs your consent to Cloudflare's terms", {
      at: '--accept-tos',
      hint: `Read ${TERMS} and add --accept-tos if you agree, or run it on a terminal, where it asks.`,
    });
  err(`WARP is Cloudflare's, with which op-dbus and wgcf have nothing to do. Its terms: ${TERMS}`);
  err('Cloudflare sees the address that you register from.');
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const answer = await terminal.question('Do you agree? Type yes: ');
    if (answer.trim().toLowerCase() !== 'yes')
      throw new OpError('usage', 'not agreed: nothing was registered', { at: '--accept-tos' });
  } finally {
    terminal.close();
  }
}

async function finish(
  options: Options,
  folder: string,
  goal: Target,
  done: Registered | { readonly warp: Warp },
): Promise<void> {
  const changed = await deliver(nodeFiles(), goal, done.warp);
  const values = settings(done.warp);
  const own = 'account' in done ? { device: shortId(done.account), type: done.type } : null;
  if (options.json)
    return json({
      registered: 'fresh' in done && done.fresh,
      account: own,
      folder,
      key: goal.key,
      state: goal.state,
      changed,
      values,
    });
  if (own !== null) out(`account  ${own.device}${own.type === null ? '' : `, ${own.type}`}, in ${folder}`);
  out(`profile  ${profilePath(folder)}`);
  out(`key      ${goal.key}`);
  if (goal.state !== null) {
    out(`state    ${goal.state}: ${changed ? `${Object.keys(values).join(', ')} set` : 'has these values already'}`);
    out(`next     op-dbus apply ${goal.state}`);
    return;
  }
  out('values   for config."wg-quick" of the WARP container in your state file; with --state FILE they are set there:');
  for (const [name, value] of Object.entries(values)) out(`  ${JSON.stringify(name)}: ${JSON.stringify(value)},`);
  out(`         A new state file: op-dbus init --profile privacy-client --warp ${profilePath(folder)} -o FILE`);
}
