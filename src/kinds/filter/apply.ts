// Filters: put in place with the host's first, taken away with the host's last; each table is replaced at one blow.

import type { Change } from '../../core/resource.ts';
import type { Host } from '../../drivers/host.ts';
import type { Nft } from '../../drivers/nft/contract.ts';
import { doing } from '../../error.ts';
import { bootPath, bootText } from './observe.ts';
import { hostName, type Spec, tableName } from './schema.ts';

/** @throws OpError `check` when nft refuses a text: the table that was there stays. */
export async function apply(host: Host, batch: readonly Change<Spec>[]): Promise<void> {
  const hostFirst = batch.toSorted((a, b) => Number(b.name === hostName) - Number(a.name === hostName));
  for (const { name, after } of hostFirst) if (after !== null) await doing(name, () => put(host, name, after.text));
  for (const { name, after } of hostFirst.toReversed()) if (after === null) await doing(name, () => remove(host, name));
  for (const { name, before, after } of batch)
    if (name === hostName) await turn(host, before?.text ?? '', after?.text ?? '');
}

/** Connections to ports that are let in otherwise than before, or not any more, begin anew under the rules of now. */
async function turn(host: Host, before: string, after: string): Promise<void> {
  const rewrites = (text: string): readonly string[] =>
    text.split('\n').filter((line) => line.includes(' dnat ip to '));
  const [old, fresh] = [rewrites(before), rewrites(after)];
  const changed = [...old.filter((line) => !fresh.includes(line)), ...fresh.filter((line) => !old.includes(line))];
  const ports = new Set(changed.map((line) => /(tcp|udp) dport (\d+)/.exec(line)?.[0] ?? ''));
  for (const port of ports) {
    const [protocol, , number] = port.split(' ');
    if (protocol === 'tcp' || protocol === 'udp') await host.net.forget(protocol, Number(number));
  }
}

/** An empty text means that somebody's accident is to be restored: what is there stays shut instead. */
async function put(host: Host, name: string, text: string): Promise<void> {
  if (text === '') return;
  await nft(host, name).replace(tableName, text);
  // After loading, so that a text which nft refuses is never what the next boot relies on.
  if (name === hostName) await host.files.write(bootPath, bootText(text));
}

/** The table before the file: what an interruption leaves is seen, and removed, the next time. */
async function remove(host: Host, name: string): Promise<void> {
  await nft(host, name).remove(tableName);
  if (name === hostName) await host.files.remove(bootPath);
}

function nft(host: Host, name: string): Nft {
  return name === hostName ? host.nft : host.containers.filter(name);
}
