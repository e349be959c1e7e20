// How nft is called, and what is made of its messages (as nft 1.0.6 writes them).

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { scriptedExec } from '../exec.fake.ts';
import { nftables } from './client.ts';

const text = 'table inet x {\n\tchain c {\n\t\tbogus foo\n\t}\n}';

test('a refusal names the line of the text and quotes it', async () => {
  const stderr = '/dev/stdin:5:3-7: Error: No symbol type information\n\t\tbogus foo\n\t\t^^^^^';
  const { exec, calls } = scriptedExec(() => ({ code: 1, stderr }));
  await assert.rejects(nftables(exec).replace('x', text), {
    code: 'check',
    message: 'table inet x, line 3: No symbol type information: bogus foo',
  });
  assert.deepEqual(
    calls.map(({ argv }) => argv),
    [['nft', '-c', '-f', '-']],
  );
});

test('the check and the load are the same batch, the deletion is part of it, and the prefix goes in front', async () => {
  const { exec, calls } = scriptedExec(() => text);
  await nftables(exec, ['nsenter', '--net=/proc/7/ns/net']).replace('x', text);
  const batch = `table inet x\ndelete table inet x\n${text}\n`;
  assert.deepEqual(
    calls.map(({ argv, options }) => [argv.slice(3).join(' '), options.stdin]),
    [
      ['-c -f -', batch],
      ['-f -', batch],
      ['-s list table inet x', undefined],
    ],
  );
  assert.ok(calls.every(({ argv }) => argv.slice(0, 3).join(' ') === 'nsenter --net=/proc/7/ns/net nft'));
});

test('a table that is not there after loading is an error', async () => {
  const { exec } = scriptedExec((argv) =>
    argv.includes('list') ? { code: 1, stderr: 'Error: No such file or directory\nlist table inet x' } : '',
  );
  await assert.rejects(nftables(exec).replace('x', text), { code: 'check' });
});

test('a listing that fails for another reason is not taken for "no such table"', async () => {
  const { exec } = scriptedExec(() => ({
    code: 1,
    stderr: 'netlink: Error: cache initialization failed: Operation not permitted',
  }));
  await assert.rejects(nftables(exec).table('x'), { code: 'host' });
});

test('a namespace that is not there is not taken for "no such table"', async () => {
  const stderr = 'nsenter: cannot open /proc/7/ns/net: No such file or directory';
  const { exec } = scriptedExec(() => ({ code: 1, stderr }));
  await assert.rejects(nftables(exec, ['nsenter', '--net=/proc/7/ns/net']).table('x'), { code: 'host' });
});

test('flags of a fragment are told alike, however this nft prints them', async () => {
  const printed = (flags: string): string => text.replace(/^\t\t.*$/m, `\t\tip frag-off ${flags} ip id set 0`);
  for (const flags of ['0x4000', '16384'])
    assert.equal(await nftables(scriptedExec(() => printed(flags)).exec).table('x'), printed('16384'));
  assert.match(printed('16384'), /16384/);
});
