// A container's packet filter: kept as text on the host for the start hook, and live in the container's network namespace.

import type { Exec } from '../exec.ts';
import { nftables } from '../nft/client.ts';
import type { Nft } from '../nft/contract.ts';
import { enter, watchInside } from './namespace.ts';
import type { Records } from './record.ts';

/** `pid` gives the container's init, null when it isn't running. */
export function containerFilter(exec: Exec, records: Records, name: string, pid: () => Promise<number | null>): Nft {
  const kept = async (): Promise<ReadonlyMap<string, string>> => tables((await records.text(name, 'filter.nft')) ?? '');
  const keep = (all: ReadonlyMap<string, string>): Promise<void> =>
    all.size === 0
      ? records.remove(name, ['filter.nft'])
      : records.put(name, 'filter.nft', `${[...all.values()].join('\n')}\n`);
  const brief: Exec = (argv, options) => exec(argv, { deadline: BRIEF, ...options });
  const live = async (): Promise<Nft | null> => {
    const init = await pid();
    return init === null ? null : nftables(brief, enter(init));
  };
  return {
    table: async (table) => {
      const nft = await live();
      return nft === null ? ((await kept()).get(table) ?? null) : nft.table(table);
    },
    replace: async (table, text) => {
      await ((await live()) ?? dry(exec, text)).replace(table, text);
      await keep(new Map([...(await kept()), [table, text]]));
    },
    watch: (changed) => watchInside(name, pid, (enter) => nftables(exec, enter).watch(changed)),
    remove: async (table) => {
      await (await live())?.remove(table);
      const all = new Map(await kept());
      if (all.delete(table) || all.size === 0) await keep(all);
    },
  };
}

/** Milliseconds for an answer: root inside may make a table that takes long to list. */
const BRIEF = 5000;

/** Blocks `table inet NAME {…}`, by name; each ends with a brace at the start of a line. */
function tables(text: string): ReadonlyMap<string, string> {
  return new Map([...text.matchAll(/^table inet (\S+) \{$[^]*?^\}$/gm)].map(([block, name = '']) => [name, block]));
}

/** Only checks, in an empty network namespace: loading and reading back are left out. */
function dry(exec: Exec, text: string): Nft {
  const check: Exec = async (argv, options) =>
    argv.includes('-c') ? exec(argv, options) : { code: 0, stdout: text, stderr: '' };
  return nftables(check, ['unshare', '--net']);
}
