// nft for real, in network namespaces of the tests' own. Needs root.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { after, test } from 'node:test';
import { exec, run } from '../exec.ts';
import { keepsWatch } from '../watch.suite.ts';
import { nftables } from './client.ts';
import { nftSuite, nftWatchSuite } from './suite.ts';

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
nftWatchSuite('nft in a namespace', async () => nftables(exec, await namespace()));

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

test('a watch tells of whatever anybody does to any table', async () => {
  const prefix = await namespace();
  const nft = (command: string) => () => run(exec, [...prefix, 'nft', ...command.split(' ')] as never);
  await keepsWatch((changed) => nftables(exec, prefix).watch(changed), {
    'a table is made': nft('add table inet x'),
    'a chain is made': nft('add chain inet x c { type filter hook input priority 0 ; }'),
    'its policy changes': nft('add chain inet x c { policy drop ; }'),
    'a rule is added': nft('add rule inet x c tcp dport 22 counter accept'),
    'a set is made': nft('add set inet x s { type ipv4_addr ; }'),
    'an element is added': nft('add element inet x s { 192.0.2.1 }'),
    'an element is removed': nft('delete element inet x s { 192.0.2.1 }'),
    'a chain is flushed': nft('flush chain inet x c'),
    'a table of another family is made': nft('add table ip6 y'),
    'a table is put to sleep': nft('add table inet x { flags dormant ; }'),
    'all is flushed': nft('flush ruleset'),
  });
});
