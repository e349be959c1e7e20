// Frames as a hostile container may send them: Ethernet, ARP (RFC 826), IPv4 (RFC 791), UDP (RFC 768), IPv6 (RFC 8200). Pure.

import { ip, mac, type Member } from './judge.ts';

type Packet = {
  readonly from: string;
  readonly to: string;
  readonly protocol?: number;
  /** Options of the header, padded to four bytes; flags and offset of a fragment in one number. */
  readonly options?: Buffer;
  readonly fragment?: number;
  readonly payload: Buffer;
};

export const BROADCAST = 'ff:ff:ff:ff:ff:ff';

export function ethernet(from: string, to: string, type: number, body: Buffer): Buffer {
  return Buffer.concat([hex(to), hex(from), word(type), body]);
}

/** From a member to the bridge's own MAC, which is its gateway. */
export function toGateway(from: Member, packet: Buffer): Buffer {
  return ethernet(mac(from), mac(1), 0x0800, packet);
}

/** Says that `address` is at `at`; asked of, or told to, `to`. */
export function arp(operation: 1 | 2, at: string, address: string, to: string): Buffer {
  const fixed = Buffer.from([0, 1, 8, 0, 6, 4, 0, operation]);
  return Buffer.concat([fixed, hex(at), dotted(address), Buffer.alloc(6), dotted(to)]);
}

export function ipv4({ from, to, protocol = 17, options = Buffer.alloc(0), fragment = 0, payload }: Packet): Buffer {
  const head = Buffer.alloc(20);
  head[0] = 0x40 | (5 + options.length / 4);
  head.writeUInt16BE(20 + options.length + payload.length, 2);
  head.writeUInt16BE(fragment, 6);
  head[8] = 64;
  head[9] = protocol;
  dotted(from).copy(head, 12);
  dotted(to).copy(head, 16);
  const whole = Buffer.concat([head, options]);
  whole.writeUInt16BE(checksum(whole), 10);
  return Buffer.concat([whole, payload]);
}

/** A datagram without a checksum, as IPv4 allows. */
export function udp(source: number, destination: number, data: Buffer): Buffer {
  return Buffer.concat([word(source), word(destination), word(8 + data.length), word(0), data]);
}

/** `next` is the number of what `payload` is. */
export function ipv6(from: string, to: string, next: number, payload: Buffer): Buffer {
  const head = Buffer.from([0x60, 0, 0, 0, 0, 0, next, 255]);
  head.writeUInt16BE(payload.length, 4);
  return Buffer.concat([head, Buffer.from(from, 'hex'), Buffer.from(to, 'hex'), payload]);
}

/** RFC 1071. */
function checksum(bytes: Buffer): number {
  let sum = 0;
  for (let at = 0; at < bytes.length; at += 2) sum += bytes.readUInt16BE(at);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

export function word(value: number): Buffer {
  return Buffer.from([value >> 8, value & 255]);
}

function hex(address: string): Buffer {
  return Buffer.from(address.replaceAll(':', ''), 'hex');
}

function dotted(address: string): Buffer {
  return Buffer.from(address.split('.').map(Number));
}

/** A packet of a member's own that asks for a far address, with `data` in it. */
export function far(from: Member, to: string, data: Buffer, source = 40_000, destination = 7): Buffer {
  return ipv4({ from: ip(from), to, payload: udp(source, destination, data) });
}
