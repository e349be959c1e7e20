// The table of docs/leaks.md is the list of faults; UPDATE=1 writes it.

import '../testing.ts';
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { FAMILIES } from './faults.ts';

const path = 'docs/leaks.md';
const [begin, end] = ['<!-- made by src/lab/leaks/doc.test.ts: UPDATE=1 -->\n', '<!-- end -->'];

test('docs/leaks.md lists every fault, what holds it back, and what the anti-test switches off', () => {
  const text = readFileSync(path, 'utf8');
  const [from, to] = [text.indexOf(begin) + begin.length, text.indexOf(end)];
  const tables = FAMILIES.map(({ name, faults }) => {
    const rows = faults.map((fault) => `| ${fault.name} | ${fault.why} | ${fault.protection.name} | ${fault.mend} |\n`);
    return `\n### ${name}\n\n| fault | held back by | anti-test without | mended by |\n|---|---|---|---|\n${rows.join('')}`;
  });
  const wanted = `${tables.join('')}\n`;
  if (process.env['UPDATE'] !== undefined) writeFileSync(path, `${text.slice(0, from)}${wanted}${text.slice(to)}`);
  else assert.equal(text.slice(from, to), wanted);
});
