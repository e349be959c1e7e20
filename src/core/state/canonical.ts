// A match of the state file in the form in which the switch prints it (ovs-fields(7); the order is that of ovs-ofctl).

import { OpError } from '../../error.ts';
import { type Field, fieldOf, order, protocols } from './field.ts';

/**
 * The words of a match, sorted and spelled as the switch does: `ip_dst=10.0.0.5/24,tcp,tcp_dst=0x50` is `tcp`,
 * `nw_dst=10.0.0.0/24`, `tp_dst=80`. @throws OpError `state` for a field that isn't known here, or a bad value.
 */
export function canonicalMatch(match: string): readonly string[] {
  const fields = new Map<string, string>();
  for (const word of match.split(/[\s,]+/).filter((part) => part !== '')) {
    const [key = '', value] = word.split('=');
    const field = fieldOf(key);
    if (value === undefined && protocols.includes(key)) fields.set('kind', key);
    else if (value !== undefined && field !== undefined) fields.set(field.name, spelled(match, key, value, field));
    else throw new OpError('state', `the match "${match}" has the field ${word}, which is not known here`);
  }
  const { kind, rest } = kindOf(fields);
  const words = (names: readonly string[]): readonly string[] =>
    names.flatMap((name) => {
      const value = rest.get(name);
      if (value === undefined || value === '') return [];
      return [name === 'vlan' ? value : `${name}=${value}`];
    });
  const tracked = order.indexOf('ct_mark') + 1;
  return [...words(order.slice(0, tracked)), ...(kind === null ? [] : [kind]), ...words(order.slice(tracked))];
}

const types: Readonly<Record<string, string>> = {
  '0x0800': 'ip',
  '0x0806': 'arp',
  '0x86dd': 'ipv6',
  '0x8035': 'rarp',
  '0x8847': 'mpls',
  '0x8848': 'mplsm',
};

const transports: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  ip: { '1': 'icmp', '6': 'tcp', '17': 'udp', '132': 'sctp' },
  ipv6: { '58': 'icmp6', '6': 'tcp6', '17': 'udp6', '132': 'sctp6' },
};

/** `dl_type=0x0800,nw_proto=6` is printed as `tcp`. */
function kindOf(fields: ReadonlyMap<string, string>): { kind: string | null; rest: ReadonlyMap<string, string> } {
  const rest = new Map(fields);
  const base = rest.get('kind') ?? types[rest.get('dl_type') ?? ''] ?? null;
  rest.delete('kind');
  if (base !== null) rest.delete('dl_type');
  const whole = base === null ? undefined : transports[base]?.[rest.get('nw_proto') ?? ''];
  if (whole !== undefined) rest.delete('nw_proto');
  return { kind: whole ?? base, rest };
}

function spelled(match: string, name: string, value: string, { form }: Field): string {
  const text = form.spell(value);
  if (text === null) throw new OpError('state', `the match "${match}" has ${name}=${value}, which is no value for it`);
  return text;
}
