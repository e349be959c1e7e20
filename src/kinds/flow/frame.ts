// Ethernet frames byte by byte, for tests that send what no honest program does (RFC 791, 792, 826, 768, 9293; IEEE 802.1Q).

/** What differs from an ordinary packet of 100's on its way out: ARP, or IPv4 with one of the protocols. */
export type Frame = {
  readonly src?: string;
  readonly dst?: string;
  readonly vlan?: number;
  readonly from?: string;
  readonly to?: string;
  readonly ttl?: number;
  /** Flags and offset as on the wire: 0x2000 is "more fragments". */
  readonly fragment?: number;
  readonly body:
    | { readonly protocol: 'tcp'; readonly flags: number; readonly sport?: number; readonly dport?: number }
    | { readonly protocol: 'udp'; readonly dport: number }
    | { readonly protocol: 'icmp'; readonly type: number }
    | { readonly protocol: 'arp'; readonly sha: string; readonly spa: string; readonly tpa: string }
    | { readonly protocol: 'ipv6' };
};

export const FLAG = { fin: 1, syn: 2, rst: 4, psh: 8, ack: 16, urg: 32 } as const;

/** The frame in hexadecimal, checksums right. */
export function frame(given: Frame): string {
  const { src = '02:0a:00:01:00:64', dst = '02:0a:00:00:00:01', vlan, body } = given;
  const tag = vlan === undefined ? [] : [...u16(0x8100), ...u16(vlan)];
  const head = [...mac(dst), ...mac(src), ...tag];
  if (body.protocol === 'arp')
    return hex([
      ...head,
      ...u16(0x0806),
      ...[0, 1, 8, 0, 6, 4, 0, 1],
      ...mac(body.sha),
      ...ip(body.spa),
      ...[0, 0, 0, 0, 0, 0],
      ...ip(body.tpa),
    ]);
  if (body.protocol === 'ipv6')
    return hex([...head, ...u16(0x86dd), 0x60, 0, 0, 0, 0, 0, 59, 64, ...Array(32).fill(1)]);
  return hex([...head, ...u16(0x0800), ...packet(given, body)]);
}

type Body = Exclude<Frame['body'], { readonly protocol: 'arp' | 'ipv6' }>;

function packet(
  { from = '10.0.0.100', to = '198.51.100.9', ttl = 64, fragment = 0 }: Frame,
  body: Body,
): readonly number[] {
  const number = { tcp: 6, udp: 17, icmp: 1 }[body.protocol];
  const inner = payload(body);
  const pseudo = [...ip(from), ...ip(to), 0, number, ...u16(inner.length)];
  const at = { tcp: 16, udp: 6, icmp: 2 }[body.protocol];
  const sum = checksum(body.protocol === 'icmp' ? inner : [...pseudo, ...inner]);
  const whole = inner.with(at, sum >> 8).with(at + 1, sum & 255);
  const head = [0x45, 0, ...u16(20 + whole.length), 0, 0, ...u16(fragment), ttl, number, 0, 0, ...ip(from), ...ip(to)];
  const own = checksum(head);
  return [...head.with(10, own >> 8).with(11, own & 255), ...whole];
}

function payload(body: Body): readonly number[] {
  if (body.protocol === 'icmp') return [body.type, 0, 0, 0, 0, 1, 0, 1];
  if (body.protocol === 'udp') return [...u16(40_000), ...u16(body.dport), ...u16(12), 0, 0, 1, 2, 3, 4];
  const { sport = 40_000, dport = 443, flags } = body;
  return [...u16(sport), ...u16(dport), 0, 0, 0, 1, 0, 0, 0, 0, 0x50, flags, ...u16(1024), 0, 0, 0, 0];
}

function checksum(bytes: readonly number[]): number {
  let sum = 0;
  for (let index = 0; index < bytes.length; index += 2) sum += ((bytes[index] ?? 0) << 8) + (bytes[index + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return ~sum & 0xffff;
}

function u16(number: number): readonly number[] {
  return [number >> 8, number & 255];
}

function mac(text: string): readonly number[] {
  return text.split(':').map((byte) => Number.parseInt(byte, 16));
}

function ip(text: string): readonly number[] {
  return text.split('.').map(Number);
}

function hex(bytes: readonly number[]): string {
  return bytes.map((byte) => byte.toString(16).padStart(2, '0')).join('');
}
