// nft for real, in network namespaces of the tests' own. Needs root.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { after, test } from 'node:test';
import { exec } from '../exec.ts';
import { nftables } from './client.ts';
import { nftSuite } from './suite.ts';

const held: (() => void)[] = [];
after(() => held.forEach((end) => end()));

/** A network namespace that lasts as long as the process in it; the prefix that enters it. */
async function namespace(): Promise<readonly string[]> {
  const process = spawn('unshare', ['--net', 'sh', '-c', 'echo ready; exec cat'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  held.push(() => process.kill('SIGKILL'));
  await once(process.stdout, 'data');
  return ['nsenter', `--net=/proc/${process.pid}/ns/net`];
}

nftSuite('nft in a namespace', async () => nftables(exec, await namespace()));

test('nft refuses what only it can know, with the line of the text', async () => {
  const nft = nftables(exec, await namespace());
  const text = 'table inet x {\n\tchain a {\n\t\taccept\n\t}\n\n\tchain fwd {\n\t\tdrop\n\t}\n}';
  await assert.rejects(nft.replace('x', text), { code: 'check', message: /line 6: syntax error.*chain fwd/ });
  assert.equal(await nft.table('x'), null);
});

test('a batch that fails half-way when it is loaded leaves the old table', async () => {
  const nft = nftables(exec, await namespace());
  const good = 'table inet x {\n\tchain a {\n\t\tdrop\n\t}\n}';
  await nft.replace('x', good);
  await assert.rejects(nft.replace('x', good.replace('drop', 'jump nowhere')), { code: 'check', message: /line 3/ });
  assert.equal(await nft.table('x'), good);
});
