// JSON with positions: the same texts as JSON.parse, and the offset of every part.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { readJson } from './json.ts';
import { type Path, quote, showPath } from './problem.ts';

function native(text: string): { readonly value: unknown } | null {
  try {
    return { value: JSON.parse(text) as unknown };
  } catch {
    return null;
  }
}

test('it takes what JSON.parse takes, and nothing else', () => {
  const near = fc
    .tuple(
      fc.json({ maxDepth: 3 }),
      fc.nat(),
      fc.constantFrom('', ',', '}', '"', '\\', '0', '\t', ' ', '//', '\u00a0', '1e', 'x'),
    )
    .map(([text, at, piece]) => text.slice(0, at % (text.length + 1)) + piece + text.slice(at % (text.length + 1)));
  fc.assert(
    fc.property(near, (text) => {
      const mine = readJson(text);
      const theirs = native(text);
      if (mine.findings.some(({ message }) => /twice|__proto__/.test(message))) return;
      assert.equal(mine.readable && mine.findings.length === 0, theirs !== null, text);
      if (theirs !== null) assert.deepEqual(mine.value, theirs.value);
    }),
    { numRuns: 1000 },
  );
});

/** What stands at a path of a text, to the end of its line. */
function standsAt(text: string, path: Path, key = false): string {
  const { line, column } = readJson(text).position(path, key);
  return text.split('\n')[line - 1]?.slice(column - 1) ?? '';
}

function readable(depth: number): boolean {
  return readJson('['.repeat(depth) + ']'.repeat(depth)).readable;
}

test('every value is where its position says', () => {
  const text = '{\n  "a": [1, {"b c": "x"}],\r\n  "d": {}\n}';
  assert.ok(standsAt(text, ['a']).startsWith('[1'));
  assert.ok(standsAt(text, ['a'], true).startsWith('"a"'));
  assert.ok(standsAt(text, ['a', 1, 'b c']).startsWith('"x"'));
  assert.ok(standsAt(text, ['a', 1, 'b c'], true).startsWith('"b c"'));
  assert.ok(standsAt(text, ['d', 'missing', 'deeper']).startsWith('{}'), 'the nearest parent');
  assert.ok(standsAt(text, ['a', 7]).startsWith('[1'));
  assert.ok(standsAt(text, []).startsWith('{'));
});

test('depth has a limit before any parser recurses', () => {
  assert.deepEqual([readable(50), readable(51), readable(500_000)], [true, false, false]);
  assert.ok(readJson(`"${'['.repeat(100)}"`).readable, 'brackets in a string are no depth');
  assert.ok(readJson(`["\\"${'['.repeat(100)}"]`).readable, 'nor after an escaped quotation mark');
});

test('the first of two equal keys counts, and __proto__ is never set', () => {
  const { value, findings } = readJson('{"a": 1, "a": 2, "__proto__": {"b": 3}, "__proto__": 1}');
  assert.deepEqual(value, { a: 1 });
  assert.equal(Object.getPrototypeOf(value), Object.prototype);
  assert.deepEqual(
    findings.map(({ column }) => column),
    [10, 18, 41],
  );
});

test('paths and quotations hold nothing that a terminal obeys', () => {
  assert.equal(showPath(['lxc', 'containers', 1, 'config', 'wg-quick']), 'lxc.containers[1].config.wg-quick');
  assert.equal(showPath(['a b', '\u001b[2J\u009b', '']), '["a b"]["\\u001b[2J\\u009b"][""]');
  assert.equal(quote('\u202e"x'), '"\\u202e\\"x"');
});
