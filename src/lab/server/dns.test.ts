// The lab's name server: answers, refusals, and packets that are none.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { answer } from './dns.ts';

/** A query as a resolver sends it: id 0x1234, recursion desired, one question. */
function query(name: string, type = 1): Buffer {
  const labels = name.split('.').map((label) => Buffer.concat([Buffer.from([label.length]), Buffer.from(label)]));
  const head = Buffer.from([0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
  return Buffer.concat([head, ...labels, Buffer.from([0, 0, type, 0, 1])]);
}

function read(reply: Buffer | null): { code: number; answers: number; address: string } {
  assert.ok(reply !== null);
  assert.equal(reply.readUInt16BE(0), 0x1234);
  assert.equal(reply.readUInt16BE(2) & 0x8000, 0x8000);
  return { code: reply.readUInt16BE(2) & 15, answers: reply.readUInt16BE(6), address: reply.subarray(-4).join('.') };
}

test('a name of the lab resolves whatever its case', () => {
  assert.deepEqual(read(answer(query('IfConfig.me'), '10.0.0.1')), { code: 0, answers: 1, address: '151.101.50.10' });
  assert.equal(read(answer(query('engage.cloudflareclient.com'), '10.0.0.1')).address, '162.159.192.1');
});

test('a name below target.example.net resolves, so that markers can be asked for', () => {
  assert.equal(read(answer(query('m0123.target.example.net'), '10.0.0.1')).address, '151.101.50.10');
});

test('an unknown name does not exist, nor does a property that every object has', () => {
  assert.equal(read(answer(query('nowhere.example'), '10.0.0.1')).code, 3);
  assert.equal(read(answer(query('constructor'), '10.0.0.1')).code, 3);
});

test('a known name has no IPv6 address, which is not an error', () => {
  const { code, answers } = read(answer(query('ifconfig.me', 28), '10.0.0.1'));
  assert.deepEqual([code, answers], [0, 0]);
});

test('the asker is told its own address', () => {
  assert.equal(read(answer(query('whoami.example.net'), '104.28.10.10')).address, '104.28.10.10');
});

test('a cut or hostile query gets an answer or silence, never an exception; an answer never gets an answer', () => {
  const whole = query('ifconfig.me');
  for (let end = 0; end < whole.length; end += 1) assert.equal(answer(whole.subarray(0, end), '10.0.0.1'), null);
  const reply = answer(whole, '10.0.0.1');
  assert.ok(reply !== null);
  assert.equal(answer(reply, '10.0.0.1'), null);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
      const reply = answer(Buffer.from(bytes), '10.0.0.1');
      assert.ok(reply === null || answer(reply, '10.0.0.1') === null);
    }),
  );
});
