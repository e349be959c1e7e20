// The units' texts, as golden files. UPDATE=1 writes them anew.

import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { isOurs, service, unitTexts } from './unit.ts';

const golden = (name: string): string => new URL(`golden/${name}`, import.meta.url).pathname;

test('the units are as the golden files say, and ours by their first line', () => {
  for (const [name, text] of Object.entries(unitTexts('/opt/op-dbus'))) {
    if (process.env['UPDATE'] === '1') writeFileSync(golden(name), text);
    assert.equal(text, readFileSync(golden(name), 'utf8'), name);
    assert.ok(isOurs(text));
  }
  assert.ok(!isOurs('[Unit]\n'));
});

test('a folder of any name is one word of the command line, and no specifier or variable', () => {
  const text = unitTexts('/srv/a b/50%/$HOME/"x"')[service] ?? '';
  assert.match(text, /^ExecStart="\/srv\/a b\/50%%\/\$\$HOME\/\\"x\\"\/bin\/op-dbus" daemon$/m);
  assert.match(text, /^Documentation=file:\/srv\/a%%20b\/50%%25\/\$HOME\/%%22x%%22\/docs\/boot\.md$/m);
});
