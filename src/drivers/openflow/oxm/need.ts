// What a match says of the packet, and what that allows it to say further (ovs-fields(7), "prerequisites").

import { OpError } from '../../../error.ts';
import { type Field, fieldNamed, type Need } from './field.ts';

/**
 * What the words of a match say together; -1 for what they don't. `tci` is the outer VLAN tag as OpenFlow 1.0 has it.
 * `ctValid` and `ctProtocol` tell whether a match on a connection's original addresses and ports has a meaning.
 */
export type Says = {
  eth: number;
  proto: number;
  icmpType: number;
  icmpCode: number;
  ctValid: boolean;
  ctProtocol: boolean;
  tci: number;
  tciMask: number;
};

export function silent(): Says {
  return {
    eth: -1,
    proto: -1,
    icmpType: -1,
    icmpCode: -1,
    ctValid: false,
    ctProtocol: false,
    tci: 0,
    tciMask: 0,
  };
}

/** Words that stand for an Ethernet type and a protocol. */
export const shorthands: ReadonlyMap<string, readonly [eth: number, proto: number]> = new Map([
  ['ip', [0x0800, -1]],
  ['ip4', [0x0800, -1]],
  ['ipv4', [0x0800, -1]],
  ['icmp', [0x0800, 1]],
  ['tcp', [0x0800, 6]],
  ['udp', [0x0800, 17]],
  ['sctp', [0x0800, 132]],
  ['arp', [0x0806, -1]],
  ['rarp', [0x8035, -1]],
  ['ipv6', [0x86dd, -1]],
  ['ip6', [0x86dd, -1]],
  ['icmp6', [0x86dd, 58]],
  ['tcp6', [0x86dd, 6]],
  ['udp6', [0x86dd, 17]],
  ['sctp6', [0x86dd, 132]],
  ['mpls', [0x8847, -1]],
  ['mplsm', [0x8848, -1]],
]);

/** A number for all of `says` that decides which fields may be named. */
export function situation(says: Says): number {
  const { eth, proto, icmpType, icmpCode, ctValid, ctProtocol } = says;
  const nd = icmpCode > 0 ? 0 : icmpType === 135 ? 1 : icmpType === 136 ? 2 : 0;
  const ct = (ctValid ? 1 : 0) | (ctProtocol ? 2 : 0);
  return (((layer3(eth) * 8 + layer4(proto)) * 4 + nd) * 4) | ct;
}

/** @throws OpError `state` when the situation lacks what the field needs: OVS would leave it out and match more. */
export function demand(name: string, need: Need, where: number): void {
  if (!met(need, where))
    throw new OpError('state', `${name} needs ${wanted[need]} in the match, else it would match everything`);
}

/** The field that a name means in a situation; OVS has some names for more than one. @throws as `demand` does. */
export function meant(name: string, where: number): Field {
  const l3 = where >> 7;
  const l4 = (where >> 4) & 7;
  const other = l3 === ARP ? arpNames[name] : l4 === ICMP6 ? icmp6Names[name] : undefined;
  const port = name === 'tp_src' || name === 'tp_dst' ? portNames[l4] : undefined;
  const found = fieldNamed(port === undefined ? (other ?? name) : `${port}${name.slice(2)}`);
  if (found !== undefined) return found;
  if (name === 'tp_src' || name === 'tp_dst')
    throw new OpError('state', `${name} needs tcp, udp or sctp in the match, else it would match everything`);
  throw new OpError('state', `${name}: no such field`);
}

const ARP = 3;
const ICMP6 = 5;

const arpNames: Readonly<Record<string, string>> = {
  nw_src: 'arp_spa',
  nw_dst: 'arp_tpa',
  ip_src: 'arp_spa',
  ip_dst: 'arp_tpa',
  nw_proto: 'arp_op',
};
const icmp6Names: Readonly<Record<string, string>> = { icmp_type: 'icmpv6_type', icmp_code: 'icmpv6_code' };
const portNames: readonly (string | undefined)[] = [undefined, undefined, 'tcp', 'udp', 'sctp'];

function layer3(eth: number): number {
  if (eth === -1) return 0;
  if (eth === 0x0800) return 1;
  if (eth === 0x86dd) return 2;
  if (eth === 0x0806 || eth === 0x8035) return ARP;
  return eth === 0x8847 || eth === 0x8848 ? 4 : 5;
}

function layer4(proto: number): number {
  const at = [1, 6, 17, 132, 58].indexOf(proto);
  return proto === -1 ? 0 : at < 0 ? 6 : at + 1;
}

function met(need: Need, where: number): boolean {
  const l3 = where >> 7;
  const l4 = (where >> 4) & 7;
  const nd = (where >> 2) & 3;
  const ip = l3 === 1 || l3 === 2;
  switch (need) {
    case 'none':
    case 'vlan':
      return true;
    case 'ip4':
      return l3 === 1;
    case 'ip6':
      return l3 === 2;
    case 'ip':
      return ip;
    case 'arp':
      return l3 === ARP;
    case 'mpls':
      return l3 === 4;
    case 'tcp':
      return ip && l4 === 2;
    case 'udp':
      return ip && l4 === 3;
    case 'sctp':
      return ip && l4 === 4;
    case 'icmp4':
      return l3 === 1 && l4 === 1;
    case 'icmp6':
      return l3 === 2 && l4 === ICMP6;
    case 'nd':
      return l3 === 2 && l4 === ICMP6 && nd > 0;
    case 'nd_sol':
      return l3 === 2 && l4 === ICMP6 && nd === 1;
    case 'nd_adv':
      return l3 === 2 && l4 === ICMP6 && nd === 2;
    case 'ct':
      return (where & 1) === 1;
    case 'ct_port':
      return (where & 3) === 3;
  }
}

const wanted: Readonly<Record<Need, string>> = {
  none: 'nothing',
  vlan: 'a VLAN tag',
  ip4: 'ip',
  ip6: 'ipv6',
  ip: 'ip or ipv6',
  arp: 'arp',
  mpls: 'mpls',
  tcp: 'tcp or tcp6',
  udp: 'udp or udp6',
  sctp: 'sctp or sctp6',
  icmp4: 'icmp',
  icmp6: 'icmp6',
  nd: 'icmp6,icmp_type=135 or 136,icmp_code=0',
  nd_sol: 'icmp6,icmp_type=135,icmp_code=0',
  nd_adv: 'icmp6,icmp_type=136,icmp_code=0',
  ct: 'a ct_state of a connection, like +est or +trk-inv',
  ct_port: 'a ct_state of a connection and ct_nw_proto',
};
