// Reads what tcpdump wrote (pcap, draft-ietf-opsawg-pcap, Ethernet) and says in one phrase what each frame is.

import { OpError } from '../error.ts';

export type Frame = {
  /** `tls to the vps`, `arp`, `neighbour discovery`, else what it is: `udp 10.99.0.2:4000 > 1.1.1.1:53`. */
  readonly label: string;
  /** False when it is none of the first three. */
  readonly expected: boolean;
};

const MAGIC = { micro: 0xa1b2c3d4, nano: 0xa1b23c4d };
/** Link types: Ethernet, and what a capture on `any` has (LINKTYPE_LINUX_SLL2). */
export const ETHERNET = 1;
export const COOKED = 276;

/** One record: `time` in milliseconds since 1970 by the kernel's clock, `frame` from the link's header on. */
export type Captured = { readonly time: number; readonly frame: Buffer };

/** The frames of a capture; a last record that is cut off is left out, as tcpdump may be ended while it writes. */
export function frames(capture: Buffer): readonly Buffer[] {
  if (capture.length < 24) throw new OpError('protocol', 'a capture without a header');
  return reader(ETHERNET)(capture).map(({ frame }) => frame);
}

/**
 * Takes a capture of link type `link` in pieces of any size, and gives the records that each piece completes.
 * @throws OpError `protocol` when it is not a capture, or one of another link type.
 */
export function reader(link: number): (piece: Buffer) => readonly Captured[] {
  let left = Buffer.alloc(0);
  let read: ReturnType<typeof words> | null = null;
  return (piece) => {
    left = Buffer.concat([left, piece]);
    let at = 0;
    if (read === null) {
      if (left.length < 24) return [];
      read = words(left.subarray(0, 24), link);
      at = 24;
    }
    const { word, fraction } = read;
    const found: Captured[] = [];
    while (at + 16 <= left.length) {
      const end = at + 16 + word(left, at + 8);
      if (end > left.length) break;
      const time = word(left, at) * 1000 + word(left, at + 4) / fraction;
      found.push({ time, frame: left.subarray(at + 16, end) });
      at = end;
    }
    left = left.subarray(at);
    return found;
  };
}

/** How the header says that numbers and fractions of a second are written: `fraction` of them make a millisecond. */
function words(header: Buffer, link: number) {
  const little = Object.values(MAGIC).includes(header.readUInt32LE(0));
  if (!little && !Object.values(MAGIC).includes(header.readUInt32BE(0)))
    throw new OpError('protocol', 'not a pcap file');
  const word = (from: Buffer, at: number) => (little ? from.readUInt32LE(at) : from.readUInt32BE(at));
  const type = word(header, 20) & 0xffff;
  if (type !== link) throw new OpError('protocol', `a capture of link type ${type}, not ${link}`);
  return { word, fraction: word(header, 0) === MAGIC.nano ? 1e6 : 1e3 };
}

/** Classifies a frame of an uplink whose only allowed talk is TCP with port 443 of `vps`, seen from `own`. */
export function classify(frame: Buffer, own: string, vps: string): Frame {
  const type = frame.length < 14 ? -1 : frame.readUInt16BE(12);
  const body = frame.subarray(14);
  if (type === 0x0806) return { label: 'arp', expected: true };
  const packet = type === 0x0800 ? version4(body) : type === 0x86dd ? version6(body) : null;
  if (packet === null) return other(`ethertype 0x${type.toString(16)}, ${frame.length} bytes`);
  const { from, to, protocol, payload, hops } = packet;
  if (protocol === 58) {
    // Router and neighbour discovery never leave a link: hop limit 255; listener reports: 1 (RFC 4861 §6.1, RFC 3810 §5).
    const kind = payload[0] ?? 0;
    const local =
      (hops === 255 && kind >= 133 && kind <= 137) || (hops === 1 && (kind === 143 || (kind >= 130 && kind <= 132)));
    return local ? { label: 'neighbour discovery', expected: true } : other(`icmp6 type ${kind} ${from} > ${to}`);
  }
  const ports = (protocol === 6 || protocol === 17) && payload.length >= 4;
  if (!ports) return other(`${name(protocol)} ${from} > ${to}`);
  const [source, destination] = [payload.readUInt16BE(0), payload.readUInt16BE(2)];
  const out = from === own && to === vps && destination === 443;
  const back = from === vps && to === own && source === 443;
  if (protocol === 6 && (out || back)) return { label: 'tls to the vps', expected: true };
  return other(`${name(protocol)} ${from}:${source} > ${to}:${destination}`);
}

/** How many TCP segments of the capture begin with a TLS record: type, version 3.x (RFC 8446 §5.1). */
export function tlsRecords(capture: readonly Buffer[]): number {
  return capture.filter((frame) => {
    const packet = frame.length > 14 && frame.readUInt16BE(12) === 0x0800 ? version4(frame.subarray(14)) : null;
    if (packet === null || packet.protocol !== 6) return false;
    const data = packet.payload.subarray(((packet.payload[12] ?? 0) >> 4) * 4);
    return data.length > 5 && (data[0] ?? 0) >= 0x14 && (data[0] ?? 0) <= 0x17 && data[1] === 3 && (data[2] ?? 9) <= 4;
  }).length;
}

export type Packet = {
  readonly from: string;
  readonly to: string;
  readonly protocol: number;
  readonly hops: number;
  readonly payload: Buffer;
};

/** An IPv4 packet taken apart; null when it is too short to be one (RFC 791 §3.1). */
export function version4(body: Buffer): Packet | null {
  const length = ((body[0] ?? 0) & 15) * 4;
  if (body.length < 20 || length < 20 || body.length < length) return null;
  const [from, to] = [body.subarray(12, 16).join('.'), body.subarray(16, 20).join('.')];
  // Ethernet pads short frames: the packet's own length counts.
  const payload = body.subarray(length, body.readUInt16BE(2) || undefined);
  return { from, to, protocol: body[9] ?? 0, hops: body[8] ?? 0, payload };
}

/** Skips a hop-by-hop header, which multicast listener reports have. */
function version6(body: Buffer): Packet | null {
  if (body.length < 40) return null;
  const hopByHop = body[6] === 0;
  const start = hopByHop ? 40 + ((body[41] ?? 0) + 1) * 8 : 40;
  const address = (at: number) =>
    (body.toString('hex', at, at + 16).match(/.{4}/g) ?? []).map((part) => part.replace(/^0{1,3}/, '')).join(':');
  const protocol = (hopByHop ? body[40] : body[6]) ?? 0;
  return { from: address(8), to: address(24), protocol, hops: body[7] ?? 0, payload: body.subarray(start) };
}

function name(protocol: number): string {
  return { 1: 'icmp', 6: 'tcp', 17: 'udp' }[protocol] ?? `protocol ${protocol}`;
}

function other(label: string): Frame {
  return { label, expected: false };
}
