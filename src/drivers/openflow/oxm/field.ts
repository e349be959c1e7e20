// The packet fields of OpenFlow as one table: names, widths, forms and headers (ovs-fields(7); OpenFlow 1.4 §7.2.3.7).

/** How a field's value is written in text. `port16` and `port32` are port numbers of OpenFlow 1.0 and 1.1+. */
export type Form =
  | 'decimal'
  | 'hex'
  | 'ipv4'
  | 'ipv6'
  | 'mac'
  | 'port16'
  | 'port32'
  | 'frag'
  | 'tcp_flags'
  | 'tun_flags'
  | 'ct_state';

/** What a match must say before it may name the field. */
export type Need =
  | 'none'
  | 'ip4'
  | 'ip6'
  | 'ip'
  | 'arp'
  | 'mpls'
  | 'vlan'
  | 'tcp'
  | 'udp'
  | 'sctp'
  | 'icmp4'
  | 'icmp6'
  | 'nd'
  | 'nd_sol'
  | 'nd_adv'
  | 'ct'
  | 'ct_port';

/** A TLV's first 32 bits with the length of an unmasked value and, for class 0xffff, the experimenter behind them. */
type Header = { readonly word: number; readonly experimenter: number };

export type Field = {
  /** The name that OVS prints in `set_field:…->NAME`. */
  readonly name: string;
  readonly aliases: readonly string[];
  readonly bytes: number;
  readonly bits: number;
  readonly form: Form;
  readonly maskable: boolean;
  readonly writable: boolean;
  readonly need: Need;
  /** As it stands in an OpenFlow 1.3 or 1.4 match or set_field. */
  readonly header: Header;
  /** As it stands in a Nicira action, and its name there (`NXM_NX_REG0`). */
  readonly short: Header;
  readonly shortName: string;
  /** Its place among the fields of a match on the wire. */
  readonly order: number;
  /** Every header that means the field, and every name of those. */
  readonly headers: readonly Header[];
  readonly longNames: readonly string[];
};

/** In the order in which OVS puts the fields of a match on the wire. */
export const fields: readonly Field[] = table();

const byName = new Map<string, Field>(
  fields.flatMap((field) => [field.name, ...field.aliases].map((name) => [name, field] as const)),
);
const byLongName = new Map<string, Field>(fields.flatMap((one) => one.longNames.map((name) => [name, one] as const)));

/** By the name or an alias of ovs-fields(7). */
export function fieldNamed(name: string): Field | undefined {
  return byName.get(name);
}

/** As the part of a field may be named in an action: `reg0`, `NXM_NX_REG0`, `OXM_OF_ETH_DST`. */
export function fieldOfAction(name: string): Field | undefined {
  return byName.get(name) ?? byLongName.get(name);
}

type Row = readonly [
  name: string,
  bits: number,
  form: Form,
  /** m: maskable, w: writable. */
  may: '' | 'm' | 'w' | 'mw',
  need: Need,
  /** Name and number of each header, the Nicira one first. */
  heads: string,
  aliases?: string,
];

function table(): readonly Field[] {
  const number = (n: number): readonly number[] => Array.from({ length: n }, (_, index) => index);
  const rows: readonly Row[] = [
    ['packet_type', 32, 'hex', '', 'none', 'OXM_OF_PACKET_TYPE 44'],
    ['dp_hash', 32, 'hex', 'm', 'none', 'NXM_NX_DP_HASH 35'],
    ['recirc_id', 32, 'decimal', '', 'none', 'NXM_NX_RECIRC_ID 36'],
    ['conj_id', 32, 'decimal', '', 'none', 'NXM_NX_CONJ_ID 37'],
    ['in_port_oxm', 32, 'port32', 'w', 'none', 'OXM_OF_IN_PORT 0'],
    ['in_port', 16, 'port16', 'w', 'none', 'NXM_OF_IN_PORT 0'],
    ['actset_output', 32, 'port32', '', 'none', 'ONFOXM_ET_ACTSET_OUTPUT 43'],
    ['eth_src', 48, 'mac', 'mw', 'none', 'NXM_OF_ETH_SRC 2 OXM_OF_ETH_SRC 4', 'dl_src'],
    ['eth_dst', 48, 'mac', 'mw', 'none', 'NXM_OF_ETH_DST 1 OXM_OF_ETH_DST 3', 'dl_dst'],
    ['eth_type', 16, 'hex', '', 'none', 'NXM_OF_ETH_TYPE 3 OXM_OF_ETH_TYPE 5', 'dl_type'],
    ['vlan_tci', 16, 'hex', 'mw', 'none', 'NXM_OF_VLAN_TCI 4'],
    ['vlan_vid', 12, 'decimal', 'mw', 'none', 'OXM_OF_VLAN_VID 6'],
    ['vlan_pcp', 3, 'decimal', 'w', 'vlan', 'OXM_OF_VLAN_PCP 7'],
    ['mpls_tc', 3, 'decimal', 'w', 'mpls', 'OXM_OF_MPLS_TC 35'],
    ['mpls_bos', 1, 'decimal', '', 'mpls', 'OXM_OF_MPLS_BOS 36'],
    ['mpls_ttl', 8, 'decimal', 'w', 'mpls', 'NXM_NX_MPLS_TTL 30'],
    ['mpls_label', 20, 'decimal', 'w', 'mpls', 'OXM_OF_MPLS_LABEL 34'],
    ['ip_src', 32, 'ipv4', 'mw', 'ip4', 'NXM_OF_IP_SRC 7 OXM_OF_IPV4_SRC 11', 'nw_src'],
    ['ip_dst', 32, 'ipv4', 'mw', 'ip4', 'NXM_OF_IP_DST 8 OXM_OF_IPV4_DST 12', 'nw_dst'],
    ['ipv6_src', 128, 'ipv6', 'mw', 'ip6', 'NXM_NX_IPV6_SRC 19 OXM_OF_IPV6_SRC 26'],
    ['ipv6_dst', 128, 'ipv6', 'mw', 'ip6', 'NXM_NX_IPV6_DST 20 OXM_OF_IPV6_DST 27'],
    ['ip_frag', 2, 'frag', 'm', 'ip', 'NXM_NX_IP_FRAG 26', 'nw_frag'],
    ['nw_tos', 8, 'decimal', 'w', 'ip', 'NXM_OF_IP_TOS 5'],
    ['ip_dscp', 6, 'decimal', 'w', 'ip', 'OXM_OF_IP_DSCP 8'],
    ['nw_ecn', 2, 'decimal', 'w', 'ip', 'NXM_NX_IP_ECN 28 OXM_OF_IP_ECN 9', 'ip_ecn'],
    ['nw_ttl', 8, 'decimal', 'w', 'ip', 'NXM_NX_IP_TTL 29'],
    ['ipv6_label', 20, 'hex', 'mw', 'ip6', 'NXM_NX_IPV6_LABEL 27 OXM_OF_IPV6_FLABEL 28'],
    ['nw_proto', 8, 'decimal', '', 'ip', 'NXM_OF_IP_PROTO 6 OXM_OF_IP_PROTO 10', 'ip_proto'],
    ['tcp_src', 16, 'decimal', 'mw', 'tcp', 'NXM_OF_TCP_SRC 9 OXM_OF_TCP_SRC 13'],
    ['tcp_dst', 16, 'decimal', 'mw', 'tcp', 'NXM_OF_TCP_DST 10 OXM_OF_TCP_DST 14'],
    ['tcp_flags', 12, 'tcp_flags', 'm', 'tcp', 'NXM_NX_TCP_FLAGS 34 ONFOXM_ET_TCP_FLAGS 42'],
    ['udp_src', 16, 'decimal', 'mw', 'udp', 'NXM_OF_UDP_SRC 11 OXM_OF_UDP_SRC 15'],
    ['udp_dst', 16, 'decimal', 'mw', 'udp', 'NXM_OF_UDP_DST 12 OXM_OF_UDP_DST 16'],
    ['sctp_src', 16, 'decimal', 'mw', 'sctp', 'OXM_OF_SCTP_SRC 17'],
    ['sctp_dst', 16, 'decimal', 'mw', 'sctp', 'OXM_OF_SCTP_DST 18'],
    ['icmp_type', 8, 'decimal', 'w', 'icmp4', 'NXM_OF_ICMP_TYPE 13 OXM_OF_ICMPV4_TYPE 19', 'icmpv4_type'],
    ['icmp_code', 8, 'decimal', 'w', 'icmp4', 'NXM_OF_ICMP_CODE 14 OXM_OF_ICMPV4_CODE 20', 'icmpv4_code'],
    ['icmpv6_type', 8, 'decimal', 'w', 'icmp6', 'NXM_NX_ICMPV6_TYPE 21 OXM_OF_ICMPV6_TYPE 29'],
    ['icmpv6_code', 8, 'decimal', 'w', 'icmp6', 'NXM_NX_ICMPV6_CODE 22 OXM_OF_ICMPV6_CODE 30'],
    ['nd_target', 128, 'ipv6', 'mw', 'nd', 'NXM_NX_ND_TARGET 23 OXM_OF_IPV6_ND_TARGET 31'],
    ['nd_sll', 48, 'mac', 'mw', 'nd_sol', 'NXM_NX_ND_SLL 24 OXM_OF_IPV6_ND_SLL 32'],
    ['nd_tll', 48, 'mac', 'mw', 'nd_adv', 'NXM_NX_ND_TLL 25 OXM_OF_IPV6_ND_TLL 33'],
    ['arp_op', 16, 'decimal', 'w', 'arp', 'NXM_OF_ARP_OP 15 OXM_OF_ARP_OP 21'],
    ['arp_spa', 32, 'ipv4', 'mw', 'arp', 'NXM_OF_ARP_SPA 16 OXM_OF_ARP_SPA 22'],
    ['arp_tpa', 32, 'ipv4', 'mw', 'arp', 'NXM_OF_ARP_TPA 17 OXM_OF_ARP_TPA 23'],
    ['arp_sha', 48, 'mac', 'mw', 'arp', 'NXM_NX_ARP_SHA 17 OXM_OF_ARP_SHA 24'],
    ['arp_tha', 48, 'mac', 'mw', 'arp', 'NXM_NX_ARP_THA 18 OXM_OF_ARP_THA 25'],
    ['tun_id', 64, 'hex', 'mw', 'none', 'NXM_NX_TUN_ID 16 OXM_OF_TUNNEL_ID 38', 'tunnel_id'],
    ['tun_flags', 1, 'tun_flags', 'mw', 'none', 'NXM_NX_TUN_FLAGS 104'],
    ['tun_src', 32, 'ipv4', 'mw', 'none', 'NXM_NX_TUN_IPV4_SRC 31'],
    ['tun_dst', 32, 'ipv4', 'mw', 'none', 'NXM_NX_TUN_IPV4_DST 32'],
    ['tun_ipv6_src', 128, 'ipv6', 'mw', 'none', 'NXM_NX_TUN_IPV6_SRC 109'],
    ['tun_ipv6_dst', 128, 'ipv6', 'mw', 'none', 'NXM_NX_TUN_IPV6_DST 110'],
    ['tun_gbp_id', 16, 'decimal', 'mw', 'none', 'NXM_NX_TUN_GBP_ID 38'],
    ['tun_gbp_flags', 8, 'hex', 'mw', 'none', 'NXM_NX_TUN_GBP_FLAGS 39'],
    ...number(16).map((n): Row => [`reg${n}`, 32, 'hex', 'mw', 'none', `NXM_NX_REG${n} ${n}`]),
    ...number(8).map((n): Row => [`xreg${n}`, 64, 'hex', 'mw', 'none', `OXM_OF_PKT_REG${n} ${n}`]),
    ...number(4).map((n): Row => [`xxreg${n}`, 128, 'hex', 'mw', 'none', `NXM_NX_XXREG${n} ${n + 111}`]),
    ['pkt_mark', 32, 'hex', 'mw', 'none', 'NXM_NX_PKT_MARK 33'],
    ['ct_state', 32, 'ct_state', 'm', 'none', 'NXM_NX_CT_STATE 105'],
    ['ct_zone', 16, 'hex', '', 'none', 'NXM_NX_CT_ZONE 106'],
    ['ct_mark', 32, 'hex', 'mw', 'none', 'NXM_NX_CT_MARK 107'],
    ['ct_label', 128, 'hex', 'mw', 'none', 'NXM_NX_CT_LABEL 108'],
    ['ct_nw_src', 32, 'ipv4', 'm', 'ct', 'NXM_NX_CT_NW_SRC 120'],
    ['ct_ipv6_src', 128, 'ipv6', 'm', 'ct', 'NXM_NX_CT_IPV6_SRC 122'],
    ['ct_nw_dst', 32, 'ipv4', 'm', 'ct', 'NXM_NX_CT_NW_DST 121'],
    ['ct_ipv6_dst', 128, 'ipv6', 'm', 'ct', 'NXM_NX_CT_IPV6_DST 123'],
    ['ct_nw_proto', 8, 'decimal', '', 'ct', 'NXM_NX_CT_NW_PROTO 119'],
    ['ct_tp_src', 16, 'decimal', 'm', 'ct_port', 'NXM_NX_CT_TP_SRC 124'],
    ['ct_tp_dst', 16, 'decimal', 'm', 'ct_port', 'NXM_NX_CT_TP_DST 125'],
    ['metadata', 64, 'hex', 'mw', 'none', 'OXM_OF_METADATA 2'],
  ];
  return rows.map(field);
}

function field([name, bits, form, may, need, heads, aliases]: Row, order: number): Field {
  const bytes = Math.ceil(wireBits(name, bits) / 8);
  const words = heads.split(' ');
  const longNames = words.filter((_, index) => index % 2 === 0);
  const headers = longNames.map((long, index) => headerOf(long, Number(words[index * 2 + 1]), bytes));
  const [short] = headers;
  const header = headers.at(-1);
  if (short === undefined || header === undefined) throw new TypeError(`${name} has no header`);
  return {
    name,
    aliases: aliases === undefined ? [] : [aliases],
    bytes,
    bits,
    form,
    maskable: may.includes('m'),
    writable: may.includes('w'),
    need,
    header,
    short,
    shortName: longNames[0] ?? name,
    order,
    headers,
    longNames,
  };
}

/** Some fields are wider on the wire than their bits. */
function wireBits(name: string, bits: number): number {
  if (name === 'mpls_label' || name === 'ipv6_label') return 32;
  return name === 'vlan_vid' || name === 'tcp_flags' || name === 'tun_flags' ? 16 : bits;
}

function headerOf(long: string, number: number, bytes: number): Header {
  const [type, experimenter] = classOf(long);
  const length = experimenter === 0 ? bytes : bytes + 4;
  return { word: (type << 16) | (number << 9) | length, experimenter };
}

function classOf(long: string): readonly [number, number] {
  if (long.startsWith('NXM_OF_')) return [0x0000, 0];
  if (long.startsWith('NXM_NX_')) return [0x0001, 0];
  if (long.startsWith('OXM_OF_PKT_REG')) return [0x8001, 0];
  if (long.startsWith('OXM_OF_')) return [0x8000, 0];
  return [0xffff, 0x4f4e4600];
}
