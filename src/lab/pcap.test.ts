// Captured frames: read, classified, and the TLS records in them counted.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { classify, frames, tlsRecords } from './pcap.ts';

const [own, vps] = ['82.64.20.2', '95.216.30.2'];
const label = (frame: Buffer) => classify(frame, own, vps);

function ethernet(type: number, body: Buffer): Buffer {
  const head = Buffer.alloc(14);
  head.writeUInt16BE(type, 12);
  return Buffer.concat([head, body]);
}

function packet(protocol: number, from: string, to: string, payload: Buffer): Buffer {
  const head = Buffer.alloc(20);
  head[0] = 0x45;
  head.writeUInt16BE(20 + payload.length, 2);
  head[9] = protocol;
  Buffer.from(from.split('.').map(Number)).copy(head, 12);
  Buffer.from(to.split('.').map(Number)).copy(head, 16);
  return ethernet(0x0800, Buffer.concat([head, payload]));
}

function segment(from: number, to: number, data: Buffer = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(20);
  head.writeUInt16BE(from, 0);
  head.writeUInt16BE(to, 2);
  head[12] = 5 << 4;
  return Buffer.concat([head, data]);
}

/** An IPv6 packet with an ICMPv6 message, behind a hop-by-hop header if told. */
function icmp6(kind: number, hops: number, hopByHop = false): Buffer {
  const head = Buffer.alloc(40);
  head[0] = 0x60;
  head[6] = hopByHop ? 0 : 58;
  head[7] = hops;
  const extension = hopByHop ? Buffer.from([58, 0, 5, 2, 0, 0, 1, 0]) : Buffer.alloc(0);
  return ethernet(0x86dd, Buffer.concat([head, extension, Buffer.from([kind, 0, 0, 0])]));
}

function capture(list: readonly Buffer[], little: boolean): Buffer {
  const head = Buffer.alloc(24);
  const write = (buffer: Buffer, value: number, at: number) =>
    little ? buffer.writeUInt32LE(value, at) : buffer.writeUInt32BE(value, at);
  write(head, 0xa1b2c3d4, 0);
  write(head, 1, 20);
  const records = list.map((frame) => {
    const record = Buffer.alloc(16);
    write(record, frame.length, 8);
    write(record, frame.length, 12);
    return Buffer.concat([record, frame]);
  });
  return Buffer.concat([head, ...records]);
}

test('a capture of either byte order gives its frames, whole ones only wherever it is cut', () => {
  const list = [Buffer.from('first frame'), Buffer.alloc(0), Buffer.from('x')];
  for (const little of [true, false]) {
    const bytes = capture(list, little);
    assert.deepEqual(frames(bytes), list);
    for (let end = 24; end < bytes.length; end += 1) {
      const some = frames(bytes.subarray(0, end));
      assert.deepEqual(some, list.slice(0, some.length));
      assert.ok(some.length < 3);
    }
  }
  assert.throws(() => frames(Buffer.alloc(30)), { code: 'protocol' });
});

test('TCP with port 443 of the VPS is expected in both directions, ARP and neighbour discovery too', () => {
  assert.ok(label(packet(6, own, vps, segment(40_000, 443))).expected);
  assert.ok(label(packet(6, vps, own, segment(443, 40_000))).expected);
  assert.ok(label(ethernet(0x0806, Buffer.alloc(28))).expected);
  for (const [kind, hops, hopByHop] of [
    [133, 255],
    [135, 255],
    [136, 255],
    [143, 1, true],
  ] as const)
    assert.ok(label(icmp6(kind, hops, hopByHop)).expected, String(kind));
});

test('everything else is named: a leak by protocol, port, direction or address', () => {
  const leaks: readonly [Buffer, RegExp][] = [
    [packet(6, own, vps, segment(40_000, 80)), /^tcp 82\.64\.20\.2:40000 > 95\.216\.30\.2:80$/],
    [packet(6, own, vps, segment(443, 40_000)), /^tcp/],
    [packet(6, vps, own, segment(80, 40_000)), /^tcp 95/],
    [packet(6, '151.101.50.10', own, segment(443, 40_000)), /^tcp 151/],
    [packet(6, '10.99.0.2', vps, segment(40_000, 443)), /^tcp 10\.99\.0\.2/],
    [packet(6, own, '151.101.50.10', segment(40_000, 443)), /151\.101\.50\.10:443$/],
    [packet(17, own, vps, segment(40_000, 443)), /^udp/],
    [packet(17, own, '9.9.9.9', segment(40_000, 53)), /^udp 82\.64\.20\.2:40000 > 9\.9\.9\.9:53$/],
    [packet(1, own, '151.101.50.10', Buffer.from([8, 0, 0, 0])), /^icmp 82/],
    [icmp6(128, 64), /^icmp6 type 128/],
    [icmp6(135, 254), /^icmp6 type 135/],
    [ethernet(0x8100, Buffer.alloc(50)), /^ethertype 0x8100/],
    [Buffer.alloc(5), /^ethertype/],
  ];
  for (const [frame, wanted] of leaks) {
    assert.match(label(frame).label, wanted);
    assert.equal(label(frame).expected, false);
  }
});

test('no bytes make the classifier throw', () => {
  fc.assert(
    fc.property(fc.constantFrom(0x0800, 0x86dd, 0x0806), fc.uint8Array({ maxLength: 90 }), (type, bytes) => {
      const frame = ethernet(type, Buffer.from(bytes));
      assert.equal(typeof label(frame).label, 'string');
      assert.ok(tlsRecords([frame]) <= 1);
    }),
  );
});

test('a segment that begins a TLS record is counted; plain HTTP and an empty segment are not', () => {
  const hello = packet(6, own, vps, segment(40_000, 443, Buffer.from([0x16, 3, 1, 2, 0, 1])));
  const http = packet(6, own, vps, segment(40_000, 443, Buffer.from('GET / HTTP/1.1')));
  assert.equal(tlsRecords([hello, http, packet(6, own, vps, segment(40_000, 443))]), 1);
});
