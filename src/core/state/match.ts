// Matches of a user's flows: names of fields, their values, and what each needs beside it (ovs-fields(7)).

import { fieldOf, protocols } from './field.ts';

export type MatchFault = { readonly field: string; readonly message: string; readonly hint?: string };

/** Field → value; a value that the schema refused is undefined. */
export type Fields = Readonly<Record<string, string | number | undefined>>;

/**
 * What is wrong with a match: bad values, two protocols, a field by two names, and fields without their prerequisite, which the switch would
 * drop from the match without a word, so that it took more than was written. Unknown fields are not judged here.
 * `ports`: the names that in_port may have.
 */
export function matchFaults(match: Fields, ports: readonly string[]): readonly MatchFault[] {
  const present = Object.keys(match).filter((field) => match[field] !== undefined);
  const rivals = [second(present, etherType), second(present, ipProtocol)].filter((field) => field !== undefined);
  if (rivals[0] !== undefined) return [{ field: rivals[0], message: 'a second protocol: no packet has two' }];
  const unsure = [...etherType, ...ipProtocol].some(
    (field) => Object.hasOwn(match, field) && match[field] === undefined,
  );
  if (unsure) return present.flatMap((field) => valueFault(field, match, ports));
  return present.flatMap((field, index) => [
    ...valueFault(field, match, ports),
    ...prerequisiteFault(field, match),
    ...spellingFault(field, present.slice(0, index)),
  ]);
}

/** The match in ovs-ofctl's syntax, prerequisites first: `tcp,in_port=internal_100,tp_dst=80`; `port` translates in_port. */
export function showMatch(match: Fields, port: (name: string) => string): string {
  const rank = (field: string) => (etherType.includes(field) ? 0 : ipProtocol.includes(field) ? 1 : 2);
  return Object.keys(match)
    .toSorted((a, b) => rank(a) - rank(b) || (a < b ? -1 : 1))
    .map((field) =>
      protocols.includes(field) ? field : `${field}=${field === 'in_port' ? port(String(match[field])) : match[field]}`,
    )
    .join(',');
}

/** The switch takes the last of them without a word. */
function spellingFault(field: string, before: readonly string[]): readonly MatchFault[] {
  const name = fieldOf(field)?.name;
  const twin = name === undefined ? undefined : before.find((other) => fieldOf(other)?.name === name);
  return twin === undefined ? [] : [{ field, message: `${twin} is the same field: expected one of them` }];
}

const etherType = [...protocols, 'dl_type', 'eth_type'];
const ipProtocol = ['tcp', 'udp', 'sctp', 'icmp', 'tcp6', 'udp6', 'icmp6', 'nw_proto', 'ip_proto'];

function second(present: readonly string[], family: readonly string[]): string | undefined {
  return present.filter((field) => family.includes(field))[1];
}

function valueFault(field: string, match: Fields, ports: readonly string[]): readonly MatchFault[] {
  const value = String(match[field]);
  if (protocols.includes(field))
    return value === '' ? [] : [{ field, message: 'expected "": a protocol has no value' }];
  if (field === 'in_port')
    return ports.includes(value) ? [] : [{ field, message: 'no such port: expected the port of a container' }];
  const form = fieldOf(field)?.form;
  if (form === undefined || form.spell(value) !== null) return [];
  return [{ field, message: `expected ${form.expected}` }];
}

function prerequisiteFault(field: string, match: Fields): readonly MatchFault[] {
  const wanted = fieldOf(field)?.needs ?? [];
  const there = layers(match);
  if (wanted.length === 0 || wanted.some((layer) => there.includes(layer))) return [];
  if (later(match) && protocols.some((protocol) => match[protocol] !== undefined && protocol !== 'arp'))
    return [{ field, message: 'later fragments have no such field: expected another ip_frag' }];
  const message = `${field} needs ${wanted.join(' or ')} beside it: without, the switch ignores it and matches every packet`;
  return [{ field, message, hint: `Add ${wanted.map((layer) => `"${layer}": ""`).join(' or ')} to match_fields.` }];
}

/** The layers that a match is limited to, by name or by number: `['ip', 'tcp']`, `['ipv6', 'icmp6']`. */
export function layers(match: Fields): readonly string[] {
  const named =
    protocols.find((field) => match[field] !== undefined) ?? types[Number(match['dl_type'] ?? match['eth_type'])];
  if (named === undefined) return [];
  const base = named === 'arp' ? 'arp' : named.endsWith('6') ? 'ipv6' : 'ip';
  if (later(match)) return [base];
  if (named !== 'ip' && named !== 'ipv6') return [base, above(named)];
  const transport = transports[Number(match['nw_proto'] ?? match['ip_proto'])];
  if (transport === undefined || (transport === 'icmp6') !== (base === 'ipv6' && transport.startsWith('icmp')))
    return [base];
  return [base, transport];
}

/** A later fragment carries nothing of TCP's or UDP's head. */
function later(match: Fields): boolean {
  return match['nw_frag'] === 'later' || match['ip_frag'] === 'later';
}

/** TCP is the same over both; ICMP is not. */
function above(named: string): string {
  return named === 'icmp6' ? named : named.replace(/6$/, '');
}

const types: Readonly<Record<number, string>> = { 0x0800: 'ip', 0x0806: 'arp', 0x86dd: 'ipv6' };
const transports: Readonly<Record<number, string>> = { 6: 'tcp', 17: 'udp', 132: 'sctp', 1: 'icmp', 58: 'icmp6' };
