// The match fields that are understood, in the order in which the switch prints them (ovs-fields(7)).

import { type Form, forms } from './value.ts';

export type Field = {
  /** As the switch prints it. `vlan` stands for what it prints as dl_vlan or as vlan_tci. */
  readonly name: string;
  readonly form: Form;
  /** One of these layers must be beside it; none when it goes with every packet. */
  readonly needs: readonly string[];
};

/** The protocols, each a word without a value. */
export const protocols: readonly string[] = [
  ...['ip', 'ipv6', 'arp', 'tcp', 'udp', 'sctp', 'icmp', 'tcp6', 'udp6', 'icmp6'],
];

/** The field behind a spelling (`ip_dst` is `nw_dst`); undefined when there is none. */
export function fieldOf(spelling: string): Field | undefined {
  return bySpelling.get(spelling);
}

/** Spellings in one cell mean the same; a third cell names the field where that is another row's. */
const rows: readonly (readonly [spellings: string, form: keyof typeof forms, needs: string, name?: string])[] = [
  ['pkt_mark', 'long', ''],
  ['ct_state', 'ctState', ''],
  ['ct_zone', 'word', ''],
  ['ct_mark', 'long', ''],
  ...Array.from({ length: 16 }, (_, index) => [`reg${index}`, 'long', ''] as const),
  ['metadata', 'wide', ''],
  ['in_port', 'port', ''],
  ['dl_vlan', 'vlan', '', 'vlan'],
  ['vlan_tci', 'tci', '', 'vlan'],
  ['dl_src eth_src', 'mac', ''],
  ['dl_dst eth_dst', 'mac', ''],
  ['dl_type eth_type', 'type', ''],
  ['nw_src ip_src ipv4_src', 'ipv4', 'ip'],
  ['nw_dst ip_dst ipv4_dst', 'ipv4', 'ip'],
  ['ipv6_src', 'ipv6', 'ipv6'],
  ['ipv6_dst', 'ipv6', 'ipv6'],
  ['arp_spa', 'ipv4', 'arp'],
  ['arp_tpa', 'ipv4', 'arp'],
  ['nw_proto ip_proto', 'byte', 'ip ipv6'],
  ['arp_op', 'byte', 'arp'],
  ['arp_sha', 'mac', 'arp'],
  ['arp_tha', 'mac', 'arp'],
  ['nw_tos', 'tos', 'ip ipv6'],
  ['ip_dscp', 'dscp', 'ip ipv6', 'nw_tos'],
  ['nw_ecn ip_ecn', 'two', 'ip ipv6'],
  ['nw_ttl', 'byte', 'ip ipv6'],
  ['nw_frag ip_frag', 'fragment', 'ip ipv6'],
  ['icmp_type icmpv4_type', 'byte', 'icmp'],
  ['icmpv6_type', 'byte', 'icmp6', 'icmp_type'],
  ['icmp_code icmpv4_code', 'byte', 'icmp'],
  ['icmpv6_code', 'byte', 'icmp6', 'icmp_code'],
  ['tp_src', 'wordMask', 'tcp udp sctp'],
  ['tcp_src', 'wordMask', 'tcp', 'tp_src'],
  ['udp_src', 'wordMask', 'udp', 'tp_src'],
  ['tp_dst', 'wordMask', 'tcp udp sctp'],
  ['tcp_dst', 'wordMask', 'tcp', 'tp_dst'],
  ['udp_dst', 'wordMask', 'udp', 'tp_dst'],
  ['tcp_flags', 'tcpFlags', 'tcp'],
];

const bySpelling: ReadonlyMap<string, Field> = new Map(
  rows.flatMap(([spellings, form, needs, name]) =>
    spellings.split(' ').map((spelling, _, [first = '']) => {
      const layers = needs.split(' ').filter((layer) => layer !== '');
      return [spelling, { name: name ?? first, form: forms[form], needs: layers }] as const;
    }),
  ),
);

/** Every spelling, the protocols among them. */
export const fieldNames: readonly string[] = [...protocols, ...bySpelling.keys()];

/** Every field once. `kind` is where the protocol stands. */
export const order: readonly string[] = [...new Set([...bySpelling.values()].map(({ name }) => name))];
