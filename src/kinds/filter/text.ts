// A table in the form in which nft 1.0.6 and 1.1.3 print it, so that what is wanted can be compared with what is there (nft(8)).

import { type Address, compareIps, parseAddress } from '../../core/address.ts';
import { tableName } from './schema.ts';

/** A chain: its hook line (null for one that is only jumped to) and its rules. */
export type Chain = { readonly name: string; readonly hook: string | null; readonly rules: readonly string[] };

export function table(chains: readonly Chain[]): string {
  return `table inet ${tableName} {\n${chains.map(block).join('\n\n')}\n}`;
}

export function filter(
  name: 'input' | 'forward' | 'output',
  policy: 'accept' | 'drop',
  rules: readonly string[],
): Chain {
  return { name, hook: `type filter hook ${name} priority filter; policy ${policy};`, rules };
}

/** A chain that rewrites addresses; none when it has no rules, so that it costs nothing. */
export function nat(name: 'prerouting' | 'postrouting', rules: readonly string[]): readonly Chain[] {
  const priority = name === 'prerouting' ? 'dstnat' : 'srcnat';
  return rules.length === 0
    ? []
    : [{ name, hook: `type nat hook ${name} priority ${priority}; policy accept;`, rules }];
}

/** Before the route is chosen, and after the destination is rewritten. */
export function marking(rules: readonly string[]): Chain {
  return { name: 'pass', hook: 'type filter hook prerouting priority dstnat + 10; policy accept;', rules };
}

/** After the source is rewritten; none when it has no rules. */
export function translated(rules: readonly string[]): readonly Chain[] {
  const hook = 'type filter hook postrouting priority srcnat + 10; policy accept;';
  return rules.length === 0 ? [] : [{ name: 'translated', hook, rules }];
}

/** Packets against the direction of an accepted connection. */
export const answers = 'ct state established ct direction reply accept';

/**
 * What belongs to an accepted connection: packets against its direction, and ICMP errors about it (path MTU). Packets
 * along its direction must match a rule each time, so that a rule which is gone ends the connection too.
 */
export const replies = ['meta l4proto icmp ct state related accept', answers];

/** Networks as `ip saddr …` matches, sorted, each once; the whole Internet is the empty match. */
export function sources(networks: readonly string[]): readonly string[] {
  const parsed = networks.map(parseAddress).filter((network): network is Address => network !== null);
  if (parsed.some(({ prefix }) => prefix === 0)) return [''];
  const sorted = parsed.toSorted((a, b) => compareIps(a.ip, b.ip) || a.prefix - b.prefix);
  return [...new Set(sorted.map((network) => `ip saddr ${show(network)} `))];
}

/** nft prints a network of one address without its prefix. */
export function show({ ip, prefix }: Address): string {
  return prefix === 32 ? ip : `${ip}/${prefix}`;
}

function block({ name, hook, rules }: Chain): string {
  const lines = [...(hook === null ? [] : [hook]), ...rules].map((line) => `\t\t${line}\n`);
  return `\tchain ${name} {\n${lines.join('')}\t}`;
}
