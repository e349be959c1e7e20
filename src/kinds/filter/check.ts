// Whether each table is loaded, word for word.

import type { Resource } from '../../core/resource.ts';
import type { Host } from '../../drivers/host.ts';
import type { Check } from '../kind.ts';
import { prefix } from './render.ts';
import { hostName, type Spec, tableName } from './schema.ts';

export function check(host: Host, wanted: readonly Resource<Spec>[]): Promise<readonly Check[]> {
  return Promise.all(wanted.map((resource) => loaded(host, resource)));
}

async function loaded(host: Host, { name, spec }: Resource<Spec>): Promise<Check> {
  const nft = name === hostName ? host.nft : host.containers.filter(name);
  const found = await nft.table(tableName).catch((error: unknown) => (error instanceof Error ? error : new Error('')));
  return {
    name: `${name}: the packet filter is loaded`,
    ok: found === spec.text,
    detail: said(found, spec.text),
    command: `${prefix(name)}nft -s list table inet ${tableName}`,
  };
}

function said(found: string | Error | null, wanted: string): string {
  if (found instanceof Error) return found.message;
  if (found === null) return `no table inet ${tableName}: everything passes`;
  if (found === wanted) return `${wanted.split('\n').filter((line) => /^\t\t(?!type )/.test(line)).length} rules`;
  const rules = wanted.split('\n');
  const odd = found.split('\n').find((line, index) => line !== rules[index]);
  return `differs at: ${(odd ?? 'its end').trim()}`;
}
