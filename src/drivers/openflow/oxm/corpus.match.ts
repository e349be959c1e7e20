// Words of matches for the corpus, by what the packet is known to be (ovs-fields(7)).

import fc from 'fast-check';
import { ctFlags, ip6s, ips, macs, masked, number, port, said, tcpFlags, transport, type Words } from './arbitrary.ts';

/** What a packet is known to be by its match. */
export type Kind = {
  readonly word: string;
  readonly link: 'ip4' | 'ip6' | 'arp' | 'mpls' | 'none';
  readonly proto: 'tcp' | 'udp' | 'sctp' | 'icmp' | 'icmp6' | 'none';
};

/** Words that any match may have; no two of them speak of the same. */
export const anywhere: readonly Words[] = [
  fc.constant('eth'),
  said(['in_port'], port),
  said(['dl_src', 'eth_src'], macs),
  said(['dl_dst', 'eth_dst'], macs),
  said(['metadata'], masked(64)),
  said(['reg0', 'reg1'], masked(32)),
  said(['reg7', 'reg15'], fc.oneof(number(0xffffffff), masked(32))),
  said(['xreg1', 'xreg2'], masked(64)),
  said(['xxreg2'], masked(128)),
  said(['reg6[0..7]', 'NXM_NX_REG6[3..10]'], number(255)),
  said(['pkt_mark'], masked(32)),
  said(['tun_id', 'tunnel_id'], masked(64)),
  said(['tun_src'], ips),
  said(['tun_dst'], ips),
  said(['tun_ipv6_src'], ip6s),
  said(['tun_gbp_id'], transport),
  said(['tun_gbp_flags'], masked(8)),
  said(['tun_flags'], fc.constantFrom('oam', '+oam', '-oam', '0')),
  said(['ct_zone'], number(65535)),
  said(['ct_mark'], masked(32)),
  said(['ct_label'], masked(128)),
  said(['conj_id'], number(0xffffffff)),
  said(['recirc_id'], number(0xffffffff)),
  said(['dp_hash'], masked(32)),
  said(['actset_output'], fc.integer({ min: 1, max: 65279 }).map(String)),
];
/** Of the VLAN tag: one of them, since they speak of the same. */
export const tags: readonly Words[] = [
  said(['dl_vlan'], number(4095)),
  said(['dl_vlan_pcp', 'vlan_pcp'], number(7)),
  fc.tuple(number(4095), number(7)).map(([vid, pcp]) => `dl_vlan=${vid},dl_vlan_pcp=${pcp}`),
  fc.constantFrom(
    'dl_vlan=0xffff',
    'vlan_tci=0',
    'vlan_tci=0x1000/0x1000',
    'vlan_tci=0/0x1000',
    'vlan_tci=0x3000/0xf000',
  ),
  said(
    ['vlan_vid'],
    fc.oneof(
      number(0x1fff),
      fc.tuple(number(0x1fff), number(0x1fff)).map((pair) => pair.join('/')),
    ),
  ),
  said(
    ['vlan_tci'],
    fc.tuple(number(0x1fff), number(0x1fff)).map((pair) => pair.join('/')),
  ),
];

const neighbour: Words = fc.oneof(
  fc.tuple(number(127), number(255)).map(([type, code]) => `icmp_type=${type},icmp_code=${code}`),
  fc.tuple(ip6s, macs).map(([target, sll]) => `icmpv6_type=135,icmpv6_code=0,nd_target=${target},nd_sll=${sll}`),
  fc.tuple(ip6s, macs).map(([target, tll]) => `icmp_type=136,nd_target=${target},nd_tll=${tll}`),
);

/** Words that need what the packet is known to be. */
export function wordsOf({ link, proto }: Kind): readonly Words[] {
  const ct = fc
    .tuple(
      fc.constantFrom('+est+trk', '+new-est+trk', 'new|trk', '+trk-inv'),
      ips,
      ip6s,
      number(255),
      transport,
      transport,
    )
    .map(([state, v4, v6, number8, from, to]) =>
      link === 'ip6'
        ? `ct_state=${state},ct_ipv6_src=${v6},ct_nw_proto=${number8 === '0' || number8 === '0x0' ? 6 : number8},ct_tp_src=${from}`
        : `ct_state=${state},ct_nw_dst=${v4},ct_nw_proto=${number8 === '0' || number8 === '0x0' ? 6 : number8},ct_tp_dst=${to}`,
    );
  const both = [
    said(['nw_ecn', 'ip_ecn'], number(3)),
    said(['nw_ttl'], number(255)),
    fc.oneof(
      said(['ip_dscp'], number(63)),
      number(63).map((n) => `nw_tos=${Number(n) * 4}`),
    ),
    said(['nw_frag', 'ip_frag'], fc.constantFrom('no', 'yes', 'first', 'not_later')),
    fc.oneof(said(['ct_state'], ctFlags), ct),
  ];
  const l4: readonly Words[] =
    proto === 'tcp' || proto === 'udp' || proto === 'sctp'
      ? [said(['tp_src', `${proto}_src`], transport), said(['tp_dst', `${proto}_dst`], transport)]
      : [];
  const more = proto === 'tcp' ? [said(['tcp_flags'], tcpFlags)] : [];
  switch (link) {
    case 'ip4':
      return [
        ...both,
        ...l4,
        ...more,
        ...(proto === 'icmp' ? [said(['icmp_type'], number(255)), said(['icmp_code'], number(255))] : []),
        said(['nw_src', 'ip_src'], ips),
        said(['nw_dst', 'ip_dst'], ips),
      ];
    case 'ip6':
      return [
        ...both,
        ...l4,
        ...more,
        ...(proto === 'icmp6' ? [neighbour] : []),
        said(['ipv6_src'], ip6s),
        said(['ipv6_dst'], ip6s),
        said(['ipv6_label'], masked(20)),
      ];
    case 'arp':
      return [
        said(['arp_op', 'nw_proto'], number(255)),
        said(['arp_spa', 'nw_src'], ips),
        said(['arp_tpa', 'nw_dst'], ips),
        said(['arp_sha'], macs),
        said(['arp_tha'], macs),
      ];
    case 'mpls':
      return [
        said(['mpls_label'], number(0xfffff)),
        said(['mpls_tc'], number(7)),
        said(['mpls_bos'], number(1)),
        said(['mpls_ttl'], number(255)),
      ];
    case 'none':
      return [];
  }
}
