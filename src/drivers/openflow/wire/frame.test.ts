// Framing: a captured conversation split everywhere, and bytes that are no OpenFlow.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { captured } from './capture.ts';
import { Framer } from './frame.ts';
import { encodeMessage, type Message } from './message.ts';

const stream = Buffer.concat(captured.map(({ message }) => encodeMessage(message)));
const whole = captured.map(({ message }) => message);

function frame(...chunks: readonly Uint8Array[]): readonly Message[] {
  const framer = new Framer();
  return chunks.flatMap((chunk) => framer.push(chunk));
}

test('a captured conversation falls into its messages, in one chunk or byte by byte', () => {
  assert.deepEqual(frame(stream), whole);
  assert.deepEqual(frame(...Array.from(stream, (byte) => Uint8Array.of(byte))), whole);
});

test('a split at any byte gives the same messages', () => {
  const two = Buffer.concat(whole.slice(0, 3).map(encodeMessage));
  for (let at = 0; at <= two.length; at++)
    assert.deepEqual(frame(two.subarray(0, at), two.subarray(at)), whole.slice(0, 3), `split at ${at}`);
});

test('messages cut anywhere come back', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(stream.length), { maxLength: 6 }), (cuts) => {
      const ends = [...cuts, stream.length].toSorted((a, b) => a - b);
      assert.deepEqual(frame(...ends.map((end, index) => stream.subarray(ends[index - 1] ?? 0, end))), whole);
    }),
    { numRuns: 50 },
  );
});

test('it knows whether it is inside a message', () => {
  const framer = new Framer();
  assert.equal(framer.inside, false);
  framer.push(stream.subarray(0, 3));
  assert.equal(framer.inside, true);
  framer.push(stream.subarray(3, 17));
  assert.equal(framer.inside, true);
  framer.push(stream.subarray(17));
  assert.equal(framer.inside, false);
});

test('a length below the head, and what is no OpenFlow, are refused, however they are cut', () => {
  for (const text of [
    'HTTP/1.1 400',
    '\0\0\0\x08\0\0\0\0',
    '\x05\0\0\x07\0\0\0\0',
    '\x05\x7f\0\x08\0\0\0\0',
    '{"id":0}',
  ]) {
    const bytes = Buffer.from(text, 'latin1');
    for (let at = 0; at < bytes.length; at++)
      assert.throws(() => frame(bytes.subarray(0, at), bytes.subarray(at)), { code: 'protocol' }, `${text} at ${at}`);
  }
});

test('any bytes give messages or an error of the protocol, and end', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 4 }), (chunks) => {
      try {
        frame(...chunks);
      } catch (error) {
        assert.equal((error as { readonly code: unknown }).code, 'protocol');
      }
    }),
  );
});
