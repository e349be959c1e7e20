// Framing and values: a captured conversation split everywhere, round trips, and hostile bytes.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { OpError } from '../../error.ts';
import { decode, encode, Framer, items, named, set, uuid } from './codec.ts';
import type { Value } from './contract.ts';

/** What ovsdb-server 3.1.0 said to two selects, a monitor, an update, three refused transactions and a bad call. */
const captured = readFileSync(new URL('captured.txt', import.meta.url));

const isProtocol = (error: unknown): boolean => error instanceof OpError && error.code === 'protocol';

const frame = (...chunks: readonly Uint8Array[]): readonly unknown[] => {
  const framer = new Framer();
  return chunks.flatMap((chunk) => framer.push(chunk));
};

const bytes = (text: string): Uint8Array => Buffer.from(text);

describe('framing', () => {
  const whole = frame(captured);

  test('a captured conversation falls into its eight messages', () => {
    assert.deepEqual(
      whole.map((message) => (message as { readonly id: unknown }).id),
      [0, 1, 2, null, 3, 4, 5, 6],
    );
  });

  test('a split at any byte gives the same messages', () => {
    for (let at = 0; at <= captured.length; at++)
      assert.deepEqual(frame(captured.subarray(0, at), captured.subarray(at)), whole, `split at ${at}`);
  });

  test('one byte at a time gives the same messages', () => {
    assert.deepEqual(frame(...Array.from(captured, (byte) => Uint8Array.of(byte))), whole);
  });

  test('any objects, with white space between or not and cut anywhere, come back', () => {
    const objects = fc.array(fc.dictionary(fc.string({ unit: 'binary' }), fc.jsonValue()), { maxLength: 4 });
    fc.assert(
      fc.property(
        objects,
        fc.constantFrom('', ' ', '\r\n\t'),
        fc.array(fc.nat(), { maxLength: 4 }),
        (list, space, cuts) => {
          const wanted = list.map((object) => JSON.parse(JSON.stringify(object)) as unknown);
          const stream = bytes(list.map((object) => JSON.stringify(object) + space).join(''));
          const ends = [...cuts.map((cut) => cut % (stream.length + 1)), stream.length].toSorted((a, b) => a - b);
          const chunks = ends.map((end, index) => stream.subarray(ends[index - 1] ?? 0, end));
          assert.deepEqual(frame(...chunks), wanted);
        },
      ),
    );
  });

  test('a chunk is copied: its memory may be used again', () => {
    const framer = new Framer();
    const chunk = Buffer.from('{"a":');
    framer.push(chunk);
    chunk.fill(0);
    assert.deepEqual(framer.push(bytes('1}')), [{ a: 1 }]);
  });

  test('it knows whether it is inside a message', () => {
    const framer = new Framer();
    assert.equal(framer.inside, false);
    framer.push(bytes('{} {"a"'));
    assert.equal(framer.inside, true);
    framer.push(bytes(':"}"} '));
    assert.equal(framer.inside, false);
  });

  test('bytes that begin no object are refused at once', () => {
    for (const text of ['x', '[]', '"a"', '1', '}', ']', '\0', '{}x', 'HTTP/1.1 400 Bad Request'])
      assert.throws(() => frame(bytes(text)), isProtocol, text);
  });

  test('brackets that balance but are no JSON, and bytes that are no UTF-8, are refused', () => {
    for (const text of ['{a}', '{"a":1,}', '{"a":[}]', '{"a":"\n"}'])
      assert.throws(() => frame(bytes(text)), isProtocol, text);
    assert.throws(() => frame(Buffer.concat([bytes('{"a":"'), Uint8Array.of(0xff), bytes('"}')])), isProtocol);
  });

  test('a message that grows past the limit is refused before it ends, in one chunk or many', () => {
    const limit = 1_000;
    assert.throws(() => new Framer(limit).push(bytes(`{"a":"${'x'.repeat(limit)}`)), isProtocol);
    const framer = new Framer(limit);
    const drip = (): void => {
      framer.push(bytes('{"a":"'));
      for (let count = 0; count <= limit; count++) framer.push(bytes('x'));
    };
    assert.throws(drip, isProtocol);
  });

  test('the limit is of one message, not of the stream', () => {
    const framer = new Framer(20);
    for (let count = 0; count < 100; count++)
      assert.equal(framer.push(bytes('{"a":[')).length + framer.push(bytes('1,2,3]}')).length, 1);
  });

  test('a message nested too deep is refused', () => {
    assert.throws(() => frame(bytes(`{"a":${'['.repeat(1_000)}`)), isProtocol);
  });

  test('arbitrary bytes give messages or a protocol error, nothing else', () => {
    const hostile = fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      fc
        .string({ unit: fc.constantFrom('{', '}', '[', ']', '"', '\\', ':', ',', 'a', '1', ' '), maxLength: 60 })
        .map((text) => bytes(`{${text}`)),
    );
    fc.assert(
      fc.property(hostile, (chunk) => {
        try {
          for (const message of frame(chunk)) assert.equal(typeof message, 'object');
        } catch (error) {
          assert.ok(isProtocol(error), String(error));
        }
      }),
      { numRuns: 1_000 },
    );
  });
});

describe('values', () => {
  const scalar = fc.oneof(fc.string({ unit: 'binary' }), fc.integer(), fc.boolean());
  const strings = fc.string({ unit: 'binary' });
  const pairs = fc.array(fc.tuple(fc.oneof(strings, fc.constantFrom('__proto__', 'constructor')), strings));
  const value: fc.Arbitrary<Value> = fc.oneof(
    scalar,
    fc.array(scalar),
    pairs.map((list) => Object.fromEntries(list)),
  );

  test('every value comes back from its wire form, through JSON', () => {
    fc.assert(
      fc.property(value, (given) => assert.deepEqual(decode(JSON.parse(JSON.stringify(encode(given)))), given)),
    );
  });

  test('wire forms are those of RFC 7047', () => {
    assert.deepEqual(encode(['a', 1]), ['set', ['a', 1]]);
    assert.deepEqual(encode([]), ['set', []]);
    assert.deepEqual(encode({ k: 'v' }), ['map', [['k', 'v']]]);
    assert.deepEqual(set([uuid('u'), named('n')]), [
      'set',
      [
        ['uuid', 'u'],
        ['named-uuid', 'n'],
      ],
    ]);
  });

  test('references decode to their text, alone and in a set', () => {
    assert.equal(decode(uuid('550e8400-e29b-41d4-a716-446655440000')), '550e8400-e29b-41d4-a716-446655440000');
    assert.equal(decode(named('row0')), 'row0');
    assert.deepEqual(decode(set([uuid('a'), uuid('b')])), ['a', 'b']);
  });

  test('an atom is read as the set of it', () => {
    assert.deepEqual(items(decode(7)), [7]);
    assert.deepEqual(items(decode(['set', [7]])), [7]);
    assert.deepEqual(items(decode(['set', []])), []);
    assert.throws(() => items({ a: 'b' }), isProtocol);
  });

  test('what is no value is refused', () => {
    const wrong = [null, undefined, {}, [], ['set'], ['set', 1], ['set', [null]], ['set', [['set', []]]], ['uuid', 1]];
    const pairs = [
      ['map', [['k']]],
      ['map', [['k', 1]]],
      ['map', {}],
      ['list', []],
      ['uuid', 'a', 'b'],
      [['uuid', 'a']],
    ];
    for (const wire of [...wrong, ...pairs]) assert.throws(() => decode(wire), isProtocol, JSON.stringify(wire));
  });
});
