// nftables in memory: keeps the text it is given, and takes only a well-formed block of the table's name.

import { noticed, watchers } from '../watch.fake.ts';
import type { HostNft } from './contract.ts';
import { block } from './text.ts';

/** Name → text; tests flush tables behind the driver's back with it. */
export type FakeNft = HostNft & { readonly tables: Map<string, string> };

export function fakeNft(): FakeNft {
  const { watch, tell } = watchers();
  const tables = noticed(new Map<string, string>(), tell);
  return {
    tables,
    watch,
    table: async (name) => tables.get(name) ?? null,
    replace: async (name, text) => void tables.set(name, block(name, text)),
    remove: async (name) => void tables.delete(name),
  };
}
