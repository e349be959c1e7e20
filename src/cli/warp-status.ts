// op-dbus warp status: the account that is kept, the tunnel on this host; --ask puts one question to Cloudflare, through it.

import { resolve } from 'node:path';
import type { Command } from 'commander';
import { age } from '../core/amount.ts';
import { FOLDER } from '../engine/warp/account.ts';
import { account, tunnel, type WarpStatus } from '../engine/warp/status.ts';
import { patience } from '../kinds/trace.ts';
import { isBare } from './bare.ts';
import { onThisHost } from './host.ts';
import { json, out } from './output.ts';

type Options = { readonly folder: string; readonly ask?: boolean; readonly json?: boolean };

export function warpStatus(warp: Command): void {
  warp
    .command('status')
    .description('show the account that is kept, and the tunnel on this host')
    .option(
      '--ask',
      "ask Cloudflare's trace page, through the container and its tunnel, whether WARP is on: a question on the net; exit status 1 when it is not",
    )
    .option('--folder <folder>', 'where the account is kept', FOLDER)
    .option('--json', 'print JSON')
    .action(async (options: Options) => {
      process.exitCode = await show(options);
    });
}

async function show({ folder, ask, json: asJson }: Options): Promise<number> {
  const status = await onThisHost(async (host): Promise<WarpStatus> => {
    const here = isBare() ? nothing(ask === true) : await tunnel(host, ask ? patience : null);
    return { ...(await account(host.files, resolve(folder))), ...here };
  });
  if (asJson) json(status);
  else for (const line of warpLines(status)) out(line);
  return status.asked === null || isOn(status.asked.warp) ? 0 : 1;
}

function nothing(ask: boolean): Pick<WarpStatus, 'tunnel' | 'asked'> {
  return { tunnel: null, asked: ask ? { warp: null, ip: null, why: 'nothing is applied here' } : null };
}

/** As a person reads it. */
export function warpLines({ account: own, profile, tunnel: here, asked }: WarpStatus): readonly string[] {
  const licence = own?.licence === false ? ', without a licence key' : '';
  return [
    own === null
      ? `  account  none is kept${profile === null ? ': op-dbus warp register' : ' (a profile was imported)'}`
      : `  account  device ${own.device}, ${own.type ?? 'type not known'}${licence}`,
    ...(profile === null ? [] : [`  profile  ${profile.address}, ${profile.endpoint}`]),
    ...(here === null
      ? ['  tunnel   none is applied on this host']
      : [
          `${here.up ? '✓' : '✗'} tunnel   ${here.container}: ${here.device}, ${here.address}, ${
            here.handshake === null ? 'no handshake' : `last handshake ${age(here.handshake)} ago`
          }`,
          ...(here.waiting === null ? [] : [`             waits for ${here.waiting}`]),
        ]),
    asked === null
      ? '  warp     not asked: --ask does, which is a question on the net'
      : asked.warp === null
        ? `✗ warp     no answer: ${asked.why}`
        : `${isOn(asked.warp) ? '✓' : '✗'} warp     warp=${asked.warp}, the Internet sees ${asked.ip}`,
  ];
}

function isOn(warp: string | null): boolean {
  return warp === 'on' || warp === 'plus';
}
