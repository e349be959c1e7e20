// docs/pipeline.md shows the flows as they are, and explains every cookie in them.

import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import type { Facts } from '../../core/topology.ts';
import { parseFlow } from '../../drivers/openflow/text.ts';
import { expand } from './expand.ts';
import { client } from '../../core/topology/fixture.ts';

const file = new URL('../../../docs/pipeline.md', import.meta.url);
const flows = expand(client, {} as Facts)[0]?.spec.flows ?? [];
const numbers = [...new Set(flows.map((line) => parseFlow(line).table))];

/** `## Table 6: …`, its prose, and the block that shows its flows. */
const section = /^## Table (\d+): .*\n((?:(?!^## )[^\n]*\n)*?)```text\n((?:(?!```)[^\n]*\n)*)```/gm;

function shown(table: number): string {
  return flows
    .filter((line) => parseFlow(line).table === table)
    .map((line) => `${line}\n`)
    .join('');
}

test('docs/pipeline.md has a section for each table, with its flows at level 3 (UPDATE_GOLDEN=1 writes them anew)', () => {
  if (process.env['UPDATE_GOLDEN'] === '1') {
    const text = readFileSync(file, 'utf8');
    const renewed = text.replace(section, (all, table: string, _prose: string, block: string) =>
      all.replace(`\`\`\`text\n${block}`, () => `\`\`\`text\n${shown(Number(table))}`),
    );
    writeFileSync(file, renewed);
  }
  const sections = [...readFileSync(file, 'utf8').matchAll(section)];
  assert.deepEqual(
    sections.map(([, table]) => Number(table)),
    numbers,
  );
  for (const [, table, , block] of sections) assert.equal(block, shown(Number(table)));
});

test('docs/pipeline.md explains each cookie in the section of its table', () => {
  for (const [, table, prose = ''] of readFileSync(file, 'utf8').matchAll(section))
    for (const line of flows.filter((one) => parseFlow(one).table === Number(table)))
      assert.ok(prose.includes(`\`${parseFlow(line).cookie.slice(2)}\``), `table ${table}: ${parseFlow(line).cookie}`);
});
