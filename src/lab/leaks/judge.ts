// What may be seen where while a fault lasts: every other frame is a leak. Pure; watch.ts feeds it.

import { classify, version4 } from '../pcap.ts';
import { HOME, LINKS, TARGET, VPS, WARP } from '../topology.ts';

/** Says in a phrase why a frame may not be there; null when it may. */
export type Judge = (frame: Buffer) => string | null;

/** What the client's probes carry, those past its tunnel, and a hostile container's frames: the first 16 letters are looked for. */
export type Words = { readonly client: string; readonly lan: string; readonly hostile: string };

/** The first byte of a TLS handshake record, and of its version (RFC 8446 §5.1). */
const HANDSHAKE = [0x16, 3] as const;

/** The ids of home's chain, and the MACs that op-dbus gives (docs/pipeline.md); 1 is the host. */
export const MEMBERS = [100, 101, 102] as const;
export type Member = (typeof MEMBERS)[number];
export const mac = (id: 1 | Member): string => (id === 1 ? '02:0a:00:00:00:01' : `02:0a:00:01:00:${id.toString(16)}`);
export const ip = (id: 1 | Member): string => `10.0.0.${id}`;

const held = (frame: Buffer, word: string): boolean => frame.includes(word.slice(0, 16));

/**
 * Home's uplink: TLS to the VPS's 443, ARP and neighbour discovery of the uplink's own two ends; by nobody's MAC but theirs
 * (`macs`), and without a word in clear.
 */
export function homeUplink(macs: readonly string[], words: Words): Judge {
  const begins = handshakes();
  return (frame) => {
    const { label, expected } = classify(frame, HOME.uplink, VPS);
    const strange = clear(frame, words) ?? sender(frame, macs) ?? local(frame, label, HOME.uplink);
    if (strange !== null) return `${strange}: ${label}`;
    if (!expected) return label;
    return begins(frame) ? null : `no TLS: ${label}`;
  };
}

/** The VPS's: its published port, WireGuard to WARP's endpoint and its errors, ARP of its own; nothing in clear. */
export function vpsUplink(macs: readonly string[], words: Words): Judge {
  return (frame) => {
    const { label, expected } = classify(frame, HOME.uplink, VPS);
    const strange = clear(frame, words) ?? sender(frame, macs) ?? local(frame, label, VPS);
    if (strange !== null) return `${strange}: ${label}`;
    return expected || published(frame) ? null : label;
  };
}

/** Target's: what carries a word came by WARP, or it went past the chain. */
export function targetUplink(words: Words): Judge {
  return (frame) => {
    const strange = clear(frame, words);
    const packet = frame.readUInt16BE(12) === 0x0800 ? version4(frame.subarray(14)) : null;
    if (strange === null || packet?.from === WARP.exit || packet?.to === WARP.exit) return null;
    return `past WARP: ${classify(frame, HOME.uplink, TARGET.ip).label}`;
  };
}

/** What the switch hands to a member's port, as a capture on `any` has it (LINKTYPE_LINUX_SLL2). What the member sends is not judged. */
export function memberPort(id: Member, words: Words): Judge {
  return (record) => {
    const [type, arphrd, direction] = [record.readUInt16BE(0), record.readUInt16BE(8), record[10]];
    // Loopback and tunnels are the member's own; 4: what it sends.
    if (arphrd !== 1 || direction === 4) return null;
    const from = macText(record, 12);
    const body = record.subarray(20);
    if (type === 0x0806) return arp(id, from, body);
    const packet = type === 0x0800 ? version4(body) : null;
    const whose = held(record, words.hostile) ? "a hostile container's: " : '';
    if (packet === null) return `${whose}ethertype 0x${type.toString(16)} from ${from}`;
    const label = `${whose}${packet.protocol} ${packet.from} > ${packet.to} from ${from}`;
    if (id === 102 && held(record, words.client)) return `the client's: ${label}`;
    const ports = packet.payload.length >= 4 && (packet.protocol === 6 || packet.protocol === 17);
    const [source, destination] = ports ? [packet.payload.readUInt16BE(0), packet.payload.readUInt16BE(2)] : [0, 0];
    const flow = { ...packet, source, destination, mac: from };
    return ALLOWED[id].some((allowed) => allowed(flow)) ? null : label;
  };
}

type Flow = {
  readonly from: string;
  readonly to: string;
  readonly protocol: number;
  readonly source: number;
  readonly destination: number;
  readonly mac: string;
};

const outside = (address: string): boolean => !address.startsWith('10.0.0.');
const warp = (flow: Flow, address: string, port: number): boolean =>
  flow.protocol === 17 && address === WARP.endpoint && port === WARP.port;
const tls = (flow: Flow): boolean => flow.protocol === 6 && flow.from === VPS && flow.source === 443;

/** Who may be heard by whom: the host by all, and each one's neighbours in the chain (docs/pipeline.md, "What it promises"). */
const ALLOWED: Readonly<Record<Member, readonly ((flow: Flow) => boolean)[]>> = {
  100: [
    (flow) => flow.mac === mac(1) && flow.to === ip(100) && (flow.from === ip(1) || flow.destination === 51820),
    (flow) => flow.mac === mac(101) && flow.to === ip(100) && (flow.from === ip(101) || outside(flow.from)),
    // An ICMP error of the LAN's about the published port.
    (flow) => flow.mac === mac(1) && flow.to === ip(100) && flow.protocol === 1 && outside(flow.from),
  ],
  101: [
    (flow) => flow.mac === mac(1) && flow.from === ip(1) && flow.to === ip(101),
    (flow) => flow.mac === mac(100) && flow.from === ip(100) && (flow.to === ip(101) || outside(flow.to)),
    (flow) =>
      flow.mac === mac(102) &&
      flow.to === ip(101) &&
      (flow.from === ip(102) ||
        warp(flow, flow.from, flow.source) ||
        (flow.protocol === 1 && flow.from === WARP.endpoint)),
  ],
  102: [
    (flow) => flow.mac === mac(1) && flow.to === ip(102) && (flow.from === ip(1) || tls(flow) || flow.protocol === 1),
    (flow) =>
      flow.mac === mac(101) && flow.from === ip(101) && (flow.to === ip(102) || warp(flow, flow.to, flow.destination)),
  ],
};

/** ARP (RFC 826) is about the bridge's own, and asks or tells the member itself. */
function arp(id: Member, from: string, body: Buffer): string | null {
  if (body.length < 28) return `short arp from ${from}`;
  const address = (at: number): string => body.subarray(at, at + 4).join('.');
  const owner = ([1, ...MEMBERS] as const).find((one) => ip(one) === address(14) && mac(one) === macText(body, 8));
  if (owner !== undefined && mac(owner) === from && address(24) === ip(id)) return null;
  return `arp ${address(14)} is at ${macText(body, 8)}, for ${address(24)}, from ${from}`;
}

function clear(frame: Buffer, words: Words): string | null {
  if (held(frame, words.client)) return "the client's";
  if (held(frame, words.lan)) return "the LAN's";
  return held(frame, words.hostile) ? "a hostile container's" : null;
}

function sender(frame: Buffer, macs: readonly string[]): string | null {
  const from = macText(frame, 6);
  return macs.includes(from) ? null : `by the MAC ${from}`;
}

/** Link-local talk is about the link's own two ends, and tells nobody of a router. */
function local(frame: Buffer, label: string, own: string): string | null {
  if (label === 'arp') {
    const ends = LINKS.filter((link) => link.addresses.includes(`${own}/24`)).flatMap((link) => [own, ...link.via]);
    const told = [28, 38].map((at) => frame.subarray(at, at + 4).join('.'));
    return told.every((address) => ends.includes(address) || address === '0.0.0.0')
      ? null
      : `about ${told.join(' and ')}`;
  }
  // Router advertisements and redirects (RFC 4861 §4.2, §4.5).
  return label === 'neighbour discovery' && [134, 137].includes(frame[54] ?? 0) ? `type ${frame[54]}` : null;
}

function published(frame: Buffer): boolean {
  const packet = frame.readUInt16BE(12) === 0x0800 ? version4(frame.subarray(14)) : null;
  if (packet === null || packet.payload.length < 4) return false;
  // The VPS and WARP tell each other that nobody takes a packet of their WireGuard; errors quote nothing else.
  const both = [packet.from, packet.to].every((address) => address === VPS || address === WARP.endpoint);
  if (packet.protocol === 1) return both && packet.payload[0] === 3;
  const [source, destination] = [packet.payload.readUInt16BE(0), packet.payload.readUInt16BE(2)];
  if (packet.protocol === 6) return packet.to === VPS ? destination === 443 : packet.from === VPS && source === 443;
  const out = packet.from === VPS && packet.to === WARP.endpoint && destination === WARP.port;
  return (
    packet.protocol === 17 && (out || (packet.from === WARP.endpoint && packet.to === VPS && source === WARP.port))
  );
}

/** Whether the first bytes that each of home's connections sends begin a TLS handshake; of a frame that is no TCP, true. */
function handshakes(): (frame: Buffer) => boolean {
  const opened = new Set<number>();
  return (frame) => {
    const packet = frame.readUInt16BE(12) === 0x0800 ? version4(frame.subarray(14)) : null;
    if (packet?.protocol !== 6 || packet.from !== HOME.uplink || packet.payload.length < 20) return true;
    const port = packet.payload.readUInt16BE(0);
    if (((packet.payload[13] ?? 0) & 2) !== 0) opened.add(port);
    const data = packet.payload.subarray(((packet.payload[12] ?? 0) >> 4) * 4);
    if (data.length === 0 || !opened.delete(port)) return true;
    return data[0] === HANDSHAKE[0] && data[1] === HANDSHAKE[1];
  };
}

function macText(from: Buffer, at: number): string {
  return (from.toString('hex', at, at + 6).match(/../g) ?? []).join(':');
}
