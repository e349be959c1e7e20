// A match from OXM TLVs to the text that ovs-ofctl dump-flows prints (ovs-ofctl(8), OpenFlow 1.4 §7.2.3).

import { OpError } from '../../../error.ts';
import { type Field, fields } from './field.ts';
import { headAt, headSize, word16, word32 } from './header.ts';
import { keep } from './memory.ts';
import { hexText, macText, readNumber } from './number.ts';
import { type Ports, portText } from './port.ts';
import { addressText, flagText, fragText } from './value.ts';

/**
 * The text of a match's TLVs, without priority and without quotes round port names.
 * @throws OpError `protocol` naming a TLV that is unknown, runs over the end or is there twice.
 */
export function decodeMatch(bytes: Uint8Array, ports: Ports): string {
  return matchText(bytes, 0, bytes.length, ports);
}

/** The same for a part of a message. */
export function matchText(bytes: Uint8Array, start: number, end: number, ports: Ports): string {
  let count = 0;
  let eth = -1;
  let proto = -1;
  let vid = -1;
  let vidMask = 0x1fff;
  let pcp = -1;
  let linked = false;
  let recirculated = false;
  let at = start;
  while (at < end) {
    const { field, masked } = headAt(bytes, at, end);
    const value = at + headSize(bytes, at);
    const width = field.bytes;
    at = value + (masked ? width + width : width);
    if (at > end) throw new OpError('protocol', `the TLV of ${field.name} runs over the end of the match`);
    const rank = ranks[field.order] as number;
    if (rank === ETH_TYPE) eth = word16(bytes, value);
    else if (rank === NW_PROTO) proto = bytes[value] ?? 0;
    else if (rank === VLAN_VID) {
      vid = word16(bytes, value);
      if (masked) vidMask = word16(bytes, value + 2);
      continue;
    } else if (rank === VLAN_PCP) {
      pcp = bytes[value] ?? 0;
      continue;
    } else if (field.name === 'packet_type') {
      if (word32(bytes, value) !== 0) throw new OpError('protocol', 'a TLV of packet_type that is not Ethernet');
      linked = true;
      continue;
    } else if (rank === RECIRC_ID) recirculated = true;
    else if (rank === DL_SRC || rank === DL_DST) linked = true;
    count = insert(count, rank, text(field, bytes, value, masked, ports));
  }
  // A match on the datapath's own field makes OVS print what it leaves out of others.
  if (recirculated && (eth !== -1 || vid !== -1 || linked)) count = insert(count, ETH, 'eth');
  if (vid !== -1 || pcp !== -1) count = insert(count, VLAN_VID, vlanText(vid, vidMask, pcp));
  const word = eth === -1 ? undefined : protocolWord(eth, proto);
  let result = '';
  for (let index = 0; index < count; index += 1) {
    const rank = order[index] as number;
    if (rank === ETH_TYPE && word !== undefined) {
      result += result === '' ? word : `,${word}`;
      continue;
    }
    if (rank === NW_PROTO && word !== undefined && !bare.has(word)) continue;
    result += result === '' ? words[index] : `,${words[index]}`;
  }
  // A type without a word of its own comes later, behind the addresses of the link.
  return word === undefined && eth !== -1 ? late(result, count, eth) : result;
}

const order: number[] = [];
const words: string[] = [];

function insert(count: number, rank: number, word: string): number {
  let at = count;
  while (at > 0 && (order[at - 1] as number) > rank) {
    order[at] = order[at - 1] as number;
    words[at] = words[at - 1] as string;
    at -= 1;
  }
  if (at > 0 && order[at - 1] === rank) throw new OpError('protocol', `${word} is twice in the match`);
  order[at] = rank;
  words[at] = word;
  return count + 1;
}

function late(_: string, count: number, eth: number): string {
  const own: string[] = [];
  let put = false;
  const type = `dl_type=0x${eth.toString(16).padStart(4, '0')}`;
  for (let index = 0; index < count; index += 1) {
    const rank = order[index] as number;
    if (rank === ETH_TYPE) continue;
    if (!put && rank > DL_TYPE) {
      own.push(type);
      put = true;
    }
    own.push(words[index] as string);
  }
  if (!put) own.push(type);
  return own.join(',');
}

/** In the order in which OVS prints them; the type stands where its word does. */
const printed: readonly string[] = [
  'pkt_mark',
  'recirc_id',
  'dp_hash',
  'conj_id',
  'actset_output',
  'ct_state',
  'ct_zone',
  'ct_mark',
  'ct_label',
  'ct_nw_src',
  'ct_ipv6_src',
  'ct_nw_dst',
  'ct_ipv6_dst',
  'ct_nw_proto',
  'ct_tp_src',
  'ct_tp_dst',
  'ETH',
  'eth_type',
  ...Array.from({ length: 16 }, (_, index) => `reg${index}`),
  'tun_id',
  'tun_src',
  'tun_dst',
  'tun_ipv6_src',
  'tun_ipv6_dst',
  'tun_gbp_id',
  'tun_gbp_flags',
  'tun_flags',
  'metadata',
  'in_port_oxm',
  'in_port',
  'vlan_vid',
  'vlan_pcp',
  'eth_src',
  'eth_dst',
  'DL_TYPE',
  'ipv6_src',
  'ipv6_dst',
  'ipv6_label',
  'arp_spa',
  'arp_tpa',
  'ip_src',
  'ip_dst',
  'nw_proto',
  'arp_op',
  'arp_sha',
  'arp_tha',
  'ip_dscp',
  'nw_tos',
  'nw_ecn',
  'nw_ttl',
  'mpls_label',
  'mpls_tc',
  'mpls_ttl',
  'mpls_bos',
  'ip_frag',
  'icmp_type',
  'icmp_code',
  'icmpv6_type',
  'icmpv6_code',
  'nd_target',
  'nd_sll',
  'nd_tll',
  'tcp_src',
  'tcp_dst',
  'udp_src',
  'udp_dst',
  'sctp_src',
  'sctp_dst',
  'tcp_flags',
];
const ranks: readonly number[] = fields.map(({ name }) => printed.indexOf(name));
const RECIRC_ID = printed.indexOf('recirc_id');
const DL_SRC = printed.indexOf('eth_src');
const DL_DST = printed.indexOf('eth_dst');
const ETH = printed.indexOf('ETH');
const ETH_TYPE = printed.indexOf('eth_type');
const DL_TYPE = printed.indexOf('DL_TYPE');
const NW_PROTO = printed.indexOf('nw_proto');
const VLAN_VID = printed.indexOf('vlan_vid');
const VLAN_PCP = printed.indexOf('vlan_pcp');

/** Where a match prints another name than set_field does. */
const names: Readonly<Record<string, string>> = {
  in_port_oxm: 'in_port',
  eth_src: 'dl_src',
  eth_dst: 'dl_dst',
  ip_src: 'nw_src',
  ip_dst: 'nw_dst',
  ip_frag: 'nw_frag',
  ip_dscp: 'nw_tos',
  icmpv6_type: 'icmp_type',
  icmpv6_code: 'icmp_code',
  tcp_src: 'tp_src',
  tcp_dst: 'tp_dst',
  udp_src: 'tp_src',
  udp_dst: 'tp_dst',
  sctp_src: 'tp_src',
  sctp_dst: 'tp_dst',
};

/** What sets of flags were printed as, by field: they are few. */
const known: readonly Map<number, string>[] = fields.map(() => new Map<number, string>());

function text(field: Field, bytes: Uint8Array, at: number, masked: boolean, ports: Ports): string {
  if (field.form !== 'tcp_flags' && field.form !== 'ct_state') return print(field, bytes, at, masked, ports);
  const map = known[field.order] as Map<number, string>;
  const width = field.bytes;
  const mask = masked ? readNumber(bytes, at + width, width) : -1;
  const value = readNumber(bytes, at, width);
  if (mask > 0xffff || value > 0xffff) return print(field, bytes, at, masked, ports);
  const number = value * 0x20000 + mask;
  return map.get(number) ?? keep(map, number, print(field, bytes, at, masked, ports));
}

function print(field: Field, bytes: Uint8Array, at: number, masked: boolean, ports: Ports): string {
  const { bytes: width, form, name: own } = field;
  const name = names[own] ?? own;
  const maskAt = at + width;
  switch (form) {
    case 'port16':
    case 'port32': {
      const number = readNumber(bytes, at, width);
      return `${name}=${portText(form === 'port16' && number >= 0xff00 ? number + 0xffff0000 : number, ports)}`;
    }
    case 'mac':
      return masked ? `${name}=${macText(bytes, at)}/${macText(bytes, maskAt)}` : `${name}=${macText(bytes, at)}`;
    case 'ipv4':
    case 'ipv6':
      return `${name}=${addressText(form, bytes, at, masked ? bytes : null, maskAt)}`;
    case 'frag':
      return `${name}=${fragText(bytes[at] ?? 0, masked ? (bytes[maskAt] ?? 0) : 3)}`;
    case 'tun_flags':
      // OVS knows more bits inside than on the wire, so that even all of these are a part to it.
      return `${name}=${(bytes[at + 1] ?? 0) & 1 ? '+' : '-'}oam`;
    case 'tcp_flags':
    case 'ct_state':
      return `${name}=${flagText(form, readNumber(bytes, at, width), masked ? readNumber(bytes, maskAt, width) : -1)}`;
    case 'decimal':
    case 'hex':
      return `${name}=${numberText(own, form, bytes, at, width, masked)}`;
  }
}

function numberText(
  own: string,
  form: 'decimal' | 'hex',
  bytes: Uint8Array,
  at: number,
  width: number,
  masked: boolean,
): string {
  const maskAt = at + width;
  const five = (from: number): string => `0x${readNumber(bytes, from, 4).toString(16).padStart(5, '0')}`;
  switch (own) {
    case 'ipv6_label':
      return masked ? `${five(at)}/${five(maskAt)}` : five(at);
    case 'ip_dscp':
      return `${((bytes[at] ?? 0) << 2) & 0xff}`;
    case 'recirc_id':
      return hexText(bytes, at, width);
    case 'ct_zone':
      return `${word16(bytes, at)}`;
    case 'tun_gbp_flags':
      // OVS prints no mask here.
      return hexText(bytes, at, width);
    default:
      if (form === 'decimal')
        return masked ? `${zeroX(bytes, at, width)}/${zeroX(bytes, maskAt, width)}` : `${readNumber(bytes, at, width)}`;
      return masked ? `${hexText(bytes, at, width)}/${hexText(bytes, maskAt, width)}` : hexText(bytes, at, width);
  }
}

/** OVS writes masked ports with 0x even when they are 0. */
function zeroX(bytes: Uint8Array, at: number, width: number): string {
  return `0x${readNumber(bytes, at, width).toString(16)}`;
}

const tcp4: ReadonlyMap<number, string> = new Map([
  [1, 'icmp'],
  [6, 'tcp'],
  [17, 'udp'],
  [132, 'sctp'],
]);
const tcp6: ReadonlyMap<number, string> = new Map([
  [58, 'icmp6'],
  [6, 'tcp6'],
  [17, 'udp6'],
  [132, 'sctp6'],
]);

/** Words that say nothing of a protocol. */
const bare: ReadonlySet<string> = new Set(['ip', 'ipv6', 'arp', 'rarp', 'mpls', 'mplsm']);

function protocolWord(eth: number, proto: number): string | undefined {
  switch (eth) {
    case 0x0800:
      return tcp4.get(proto) ?? 'ip';
    case 0x86dd:
      return tcp6.get(proto) ?? 'ipv6';
    case 0x0806:
      return 'arp';
    case 0x8035:
      return 'rarp';
    case 0x8847:
      return 'mpls';
    case 0x8848:
      return 'mplsm';
    default:
      return undefined;
  }
}

function vlanText(vid: number, vidMask: number, pcp: number): string {
  if (vid === -1) throw new OpError('protocol', 'a TLV of vlan_pcp without vlan_vid');
  const mask = vidMask & 0x1fff;
  const tci = vid & 0x1fff;
  const full = (mask & 0xfff) === 0xfff;
  const tagged = (mask & tci & 0x1000) !== 0;
  if (tagged && (full || (mask & 0xfff) === 0) && (full || pcp !== -1)) {
    const priority = pcp === -1 ? '' : `dl_vlan_pcp=${pcp}`;
    return full ? `dl_vlan=${tci & 0xfff}${priority === '' ? '' : `,${priority}`}` : priority;
  }
  const all = pcp === -1 ? mask : mask | 0xf000;
  const value = pcp === -1 ? tci : tci | 0x1000 | (pcp << 13);
  const four = (number: number): string => `0x${number.toString(16).padStart(4, '0')}`;
  return all === 0xffff ? `vlan_tci=${four(value)}` : `vlan_tci=${four(value)}/${four(all)}`;
}
