// nftables in memory: keeps the text it is given, and takes only a well-formed block of the table's name.

import { noticed, type Watchers, watchers } from '../watch.fake.ts';
import type { Nft } from './contract.ts';
import { block } from './text.ts';

/** Name → text; tests flush tables behind the driver's back with it. */
export type FakeNft = Nft & { readonly tables: Map<string, string>; readonly end: Watchers['end'] };

export function fakeNft(): FakeNft {
  const { watch, tell, end } = watchers();
  const tables = noticed(new Map<string, string>(), tell);
  return {
    tables,
    watch,
    end,
    table: async (name) => tables.get(name) ?? null,
    replace: async (name, text) => void tables.set(name, block(name, text)),
    remove: async (name) => void tables.delete(name),
  };
}
