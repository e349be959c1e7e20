// nftables by the nft program: checked, then loaded in one transaction, then read back (nft(8)).

import { OpError } from '../../error.ts';
import { type Exec, type ExecResult, run } from '../exec.ts';
import { listen } from '../listen.ts';
import type { Nft } from './contract.ts';
import { block } from './text.ts';

/** `prefix` is put in front of each call: `['nsenter', '--net=/proc/1234/ns/net']` for another network namespace. */
export function nftables(exec: Exec, prefix: readonly string[] = []): Nft {
  const argv = (...rest: readonly string[]): readonly [string, ...string[]] =>
    [...prefix, 'nft', ...rest] as unknown as readonly [string, ...string[]];
  const table = (name: string): Promise<string | null> => list(exec, name, argv('-s', 'list', 'table', 'inet', name));
  return {
    table,
    replace: async (name, text) => {
      // An empty declaration first, so that the deletion never fails.
      const batch = `table inet ${name}\ndelete table inet ${name}\n${block(name, text)}\n`;
      refuse(name, text, await exec(argv('-c', '-f', '-'), { stdin: batch }));
      await run(exec, argv('-f', '-'), { stdin: batch });
      if ((await table(name)) === null)
        throw new OpError('check', `table inet ${name}: nft loaded it, but it is not there`);
    },
    remove: async (name) => {
      if ((await table(name)) !== null) await run(exec, argv('delete', 'table', 'inet', name));
    },
    watch: (changed) => listen({ argv: argv('monitor'), protocol: NETFILTER, groups: NFTABLES, tells }, changed),
  };
}

/** NETLINK_NETFILTER, and NFNLGRP_NFTABLES of it. */
const NETFILTER = 12;
const NFTABLES = 1 << 6;

/**
 * However little of a change nft can print, the kernel tells the end of each transaction; a lost message is told too. The
 * packets that somebody traces go by.
 */
function tells(line: string): boolean {
  return line.startsWith('# ');
}

async function list(exec: Exec, name: string, argv: readonly [string, ...string[]]): Promise<string | null> {
  const { code, stdout, stderr } = await exec(argv);
  if (code === 0) return decimal(stdout.trimEnd());
  if (/^Error: No such file or directory/m.test(stderr)) return null;
  throw new OpError('host', `listing table inet ${name}: ${stderr.trim().split('\n')[0] ?? `exit ${code}`}`);
}

/** nft 1.1.3 prints this field, which is flags and a number, in hexadecimal, 1.0.6 as a number. */
function decimal(text: string): string {
  return text.replaceAll(/(?<=\bip frag-off )0x[0-9a-f]+/g, (flags) => `${Number(flags)}`);
}

/** nft says `/dev/stdin:7:3-7: Error: …`; its line 3 is the first line of `text`. */
function refuse(name: string, text: string, { code, stderr }: ExecResult): void {
  if (code === 0) return;
  const found = /^\S*?:(\d+):\d+(?:-\d+)?: Error: (.*)$/m.exec(stderr);
  const why = found?.[2] ?? stderr.trim().split('\n')[0] ?? `exit ${code}`;
  const line = Number(found?.[1] ?? 0) - 2;
  const place = line > 0 ? `, line ${line}` : '';
  const quoted = line > 0 ? `: ${text.split('\n')[line - 1]?.trim() ?? ''}` : '';
  throw new OpError('check', `table inet ${name}${place}: ${why}${quoted}`);
}
