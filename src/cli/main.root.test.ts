// What the program says to a mistyped command line, in text and in JSON; each test starts it, which is slow. Needs no root.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { exec } from '../drivers/exec.ts';
import { source } from '../drivers/source.ts';

const opDbus = (...argv: string[]) => exec([process.execPath, source('src/cli/main.ts'), ...argv]);

test('a mistyped command line is an error of one line, with what was perhaps meant', async () => {
  const { code, stdout, stderr } = await opDbus('aply');
  assert.deepEqual([code, stdout], [1, '']);
  assert.match(stderr, /^error: unknown command 'aply'\n\(Did you mean apply\?\)/);
});

test('with --json it is one JSON text, on stderr', async () => {
  const { code, stdout, stderr } = await opDbus('apply', '--confrim', '60', '--json');
  assert.deepEqual([code, stdout], [1, '']);
  const { version, errors } = JSON.parse(stderr) as { version: number; errors: { code: string; message: string }[] };
  assert.equal(version, 1);
  assert.deepEqual(
    errors.map(({ code: sort }) => sort),
    ['usage'],
  );
  assert.match(errors[0]?.message ?? '', /unknown option '--confrim'/);
});

test('help and version are no errors', async () => {
  for (const argv of [['--help'], ['--version'], ['apply', '--help', '--json']]) {
    const { code, stderr } = await opDbus(...argv);
    assert.deepEqual([code, stderr], [0, '']);
  }
});
