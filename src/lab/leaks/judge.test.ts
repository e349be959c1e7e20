// What the leak bench lets pass at each place, and what it calls a leak.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { HOME, TARGET, VPS, WARP } from '../topology.ts';
import { arp, BROADCAST, ethernet, ipv4, ipv6, udp } from './frame.ts';
import { homeUplink, ip, type Judge, mac, type Member, MEMBERS, memberPort, targetUplink, vpsUplink } from './judge.ts';

const words = { client: 'mclientclientclient', lan: 'mlanlanlanlanlanlan', hostile: 'mhostilehostilehos' };
const [own, router] = ['0e:00:00:00:00:01', '0e:00:00:00:00:02'];
const out = (packet: Buffer, from = own): Buffer => ethernet(from, router, 0x0800, packet);

/** A TCP segment; SYN when it holds nothing. */
function tcp(source: number, destination: number, data = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(20);
  head.writeUInt16BE(source, 0);
  head.writeUInt16BE(destination, 2);
  head[12] = 5 << 4;
  head[13] = data.length === 0 ? 2 : 16;
  return Buffer.concat([head, data]);
}

const segment = (from: string, to: string, payload: Buffer): Buffer => ipv4({ from, to, protocol: 6, payload });
const hello = Buffer.from([0x16, 3, 1, 0, 5, 1, 2, 3]);

test("home's uplink: TLS to the VPS and the link's own ARP", () => {
  const judge = homeUplink([own, router], words);
  assert.equal(judge(out(segment(HOME.uplink, VPS, tcp(40_000, 443)))), null);
  assert.equal(judge(out(segment(HOME.uplink, VPS, tcp(40_000, 443, hello)))), null);
  assert.equal(judge(out(segment(HOME.uplink, VPS, tcp(40_000, 443, Buffer.from('anything'))))), null);
  assert.equal(judge(ethernet(own, BROADCAST, 0x0806, arp(1, own, HOME.uplink, '82.64.20.1'))), null);
});

test("home's uplink: everything else is a leak, and says whose", () => {
  const leaks: readonly [Buffer, RegExp][] = [
    [out(segment(HOME.uplink, VPS, tcp(40_000, 443, Buffer.from(words.client)))), /^the client's: tls/],
    [out(ipv4({ from: HOME.uplink, to: TARGET.ip, payload: udp(1, 7, Buffer.from(words.lan)) })), /^the LAN's: udp/],
    [out(ipv4({ from: HOME.uplink, to: VPS, payload: udp(1, 443, Buffer.from(words.hostile)) })), /^a hostile/],
    [out(ipv4({ from: HOME.uplink, to: WARP.endpoint, payload: udp(1, WARP.port, hello) })), /^udp .*:2408$/],
    [out(segment(HOME.uplink, VPS, tcp(40_000, 443)), mac(102)), /^by the MAC 02:0a:00:01:00:66/],
    [ethernet(own, BROADCAST, 0x0806, arp(1, own, ip(102), '82.64.20.1')), /^about 10\.0\.0\.102/],
    [ethernet(own, BROADCAST, 0x86dd, ipv6('0'.repeat(32), '0'.repeat(32), 58, Buffer.from([134, 0]))), /^type 134/],
    [ethernet(own, router, 0x8100, Buffer.alloc(40)), /^ethertype 0x8100/],
  ];
  for (const [frame, wanted] of leaks) assert.match(homeUplink([own, router], words)(frame) ?? '', wanted);
});

test("home's uplink: a connection to the VPS's 443 that doesn't begin with a TLS handshake is a leak", () => {
  const judge = homeUplink([own, router], words);
  assert.equal(judge(out(segment(HOME.uplink, VPS, tcp(40_001, 443)))), null);
  assert.match(judge(out(segment(HOME.uplink, VPS, tcp(40_001, 443, Buffer.from('GET / HTTP/1.1'))))) ?? '', /^no TLS/);
});

test("the VPS's uplink: its published port and WARP's WireGuard, by its own MAC, nothing in clear", () => {
  const judge = vpsUplink([own, router], words);
  const data = (to: string, port: number, text = 'x') =>
    out(ipv4({ from: VPS, to, payload: udp(40_000, port, Buffer.from(text)) }));
  assert.equal(judge(data(WARP.endpoint, WARP.port)), null);
  assert.equal(judge(out(segment('5.6.7.8', VPS, tcp(40_000, 443)))), null);
  assert.match(judge(data(WARP.endpoint, WARP.port, words.client)) ?? '', /^the client's/);
  assert.match(judge(data(TARGET.ip, WARP.port)) ?? '', /^udp/);
  assert.match(judge(out(segment(VPS, TARGET.ip, tcp(40_000, 443)))) ?? '', /^tcp/);
});

test("target's uplink: a word comes from WARP's exit, or past the chain", () => {
  const judge = targetUplink(words);
  const from = (address: string) =>
    out(ipv4({ from: address, to: TARGET.ip, payload: udp(1, 7, Buffer.from(words.client)) }));
  assert.equal(judge(from(WARP.exit)), null);
  for (const address of [HOME.uplink, VPS, ip(101)]) assert.match(judge(from(address)) ?? '', /^past WARP/);
});

/** As a capture on `any` has it. */
function cooked(frame: Buffer, direction = 0): Buffer {
  const head = Buffer.alloc(20);
  frame.copy(head, 0, 12, 14);
  head[9] = 1;
  head[10] = direction;
  frame.copy(head, 12, 6, 12);
  return Buffer.concat([head, frame.subarray(14)]);
}

const at = (id: Member, from: 1 | Member, packet: Buffer, direction = 0): string | null =>
  memberPort(id, words)(cooked(ethernet(mac(from), mac(id), 0x0800, packet), direction));
const datagram = (from: string, to: string, port = 7, text = 'x'): Buffer =>
  ipv4({ from, to, payload: udp(40_000, port, Buffer.from(text)) });

test("a member's port: each one's neighbours in the chain, and the host", () => {
  assert.equal(at(100, 1, datagram('192.168.50.2', ip(100), 51_820)), null);
  assert.equal(at(100, 101, datagram(TARGET.ip, ip(100))), null);
  assert.equal(at(101, 100, datagram(ip(100), TARGET.ip)), null);
  assert.equal(at(102, 101, datagram(ip(101), WARP.endpoint, WARP.port)), null);
  assert.equal(at(102, 1, segment(VPS, ip(102), tcp(443, 40_000, hello))), null);
  assert.equal(at(102, 102, datagram(ip(102), TARGET.ip), 4), null, 'what it sends itself is not judged');
});

test("a member's port: nobody else, by address or by MAC, no word in clear at 102", () => {
  assert.match(at(102, 100, datagram(ip(100), TARGET.ip)) ?? '', /^17 10\.0\.0\.100/);
  assert.match(at(100, 102, datagram(ip(102), ip(100))) ?? '', /from 02:0a:00:01:00:66$/);
  assert.match(at(101, 102, datagram(ip(100), TARGET.ip)) ?? '', /^17/);
  assert.match(at(100, 1, datagram('192.168.50.2', ip(100), 22)) ?? '', /^17/);
  assert.match(at(102, 101, datagram(ip(101), WARP.endpoint, WARP.port, words.client)) ?? '', /^the client's/);
  const tagged = memberPort(101, words)(cooked(ethernet(mac(100), mac(101), 0x86dd, Buffer.alloc(40))));
  assert.match(tagged ?? '', /^ethertype 0x86dd/);
});

test("a member's port: ARP tells the truth, and is for the member", () => {
  const told = (from: Member, at: string, address: string, to: string): string | null =>
    memberPort(101, words)(cooked(ethernet(mac(from), BROADCAST, 0x0806, arp(1, at, address, to))));
  assert.equal(told(100, mac(100), ip(100), ip(101)), null);
  assert.match(told(102, mac(102), ip(1), ip(101)) ?? '', /^arp 10\.0\.0\.1 is at/);
  assert.match(told(102, mac(100), ip(100), ip(101)) ?? '', /^arp/);
  assert.match(told(100, mac(100), ip(100), ip(102)) ?? '', /for 10\.0\.0\.102/);
});

test('no bytes make a judge throw', () => {
  const judges: readonly Judge[] = [
    homeUplink([own, router], words),
    vpsUplink([own, router], words),
    targetUplink(words),
    ...MEMBERS.map((id) => memberPort(id, words)),
  ];
  const type = fc.constantFrom(0x0800, 0x86dd, 0x0806, 0x8100);
  fc.assert(
    fc.property(type, fc.uint8Array({ maxLength: 80 }), (kind, bytes) => {
      const frame = ethernet(own, router, kind, Buffer.from(bytes));
      for (const judge of judges.slice(0, 3)) judge(frame);
      for (const judge of judges.slice(3)) judge(cooked(frame));
    }),
  );
});
