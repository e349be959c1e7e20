// The list of faults, and that all chance in it comes from the seed.

import '../testing.ts';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FAMILIES } from './faults.ts';
import { seeded } from './random.ts';
import type { Site } from './site.ts';

const all = FAMILIES.flatMap(({ faults }) => faults);

test('there are at least 30 faults, each with a name of its own, a reason and a protection', () => {
  assert.ok(all.length >= 30);
  assert.equal(new Set(all.map(({ name }) => name)).size, all.length);
  for (const { name, why, protection } of all) assert.ok(why !== '' && protection.script !== '', name);
});

test('the same seed gives the same, another seed or name another', () => {
  const drawn = (seed: number, name: string): string => {
    const random = seeded(seed, name);
    return JSON.stringify([random.between(0, 1e6), random.bytes(8), random.shuffled([1, 2, 3, 4, 5, 6, 7, 8])]);
  };
  assert.equal(drawn(1, 'a'), drawn(1, 'a'));
  assert.notEqual(drawn(1, 'a'), drawn(2, 'a'));
  assert.notEqual(drawn(1, 'a'), drawn(1, 'b'));
});

test('what is drawn lies within its bounds, and all is kept when shuffled', () => {
  const random = seeded(7, 'bounds');
  const numbers = Array.from({ length: 500 }, () => random.between(3, 6));
  assert.deepEqual(new Set(numbers), new Set([3, 4, 5, 6]));
  assert.deepEqual(new Set(random.shuffled([1, 2, 3, 4, 5])), new Set([1, 2, 3, 4, 5]));
});

test('a hostile container sends well-formed frames, all 256 protocols among them, each with the word or none', async () => {
  const sent: Buffer[] = [];
  const site: Site = {
    run: () => Promise.resolve(''),
    send: async (_, frames) => void sent.push(...frames),
    random: seeded(1, 'frames'),
    words: { client: 'c', lan: 'l', hostile: 'mhostilehostile' },
  };
  for (const { fault } of FAMILIES.find(({ name }) => name === 'hostile container')?.faults ?? []) await fault(site);
  for (const frame of sent) assert.ok(frame.length >= 42, frame.toString('hex'));
  const packets = sent.filter((frame) => frame.readUInt16BE(12) === 0x0800);
  for (const packet of packets) {
    const length = ((packet[14] ?? 0) & 15) * 4;
    assert.equal(packet.readUInt16BE(16), packet.length - 14, 'its length');
    let sum = 0;
    for (let at = 14; at < 14 + length; at += 2) sum += packet.readUInt16BE(at);
    assert.equal(((sum & 0xffff) + (sum >>> 16)) & 0xffff, 0xffff, 'its checksum');
  }
  assert.equal(new Set(packets.map((packet) => packet[23])).size, 256);
  const without = sent.filter((frame) => !frame.includes('mhostilehostile'));
  // The second part of a datagram holds none.
  assert.ok(without.every((frame) => frame.readUInt16BE(12) === 0x0806 || (frame.readUInt16BE(20) & 0x3fff) !== 0));
});
