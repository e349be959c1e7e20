// What every Nft does, real or fake. Texts are in the form in which nft prints them.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { keepsWatch } from '../watch.suite.ts';
import type { Nft } from './contract.ts';

const one = table('one', 'tcp dport 22 accept');

function table(name: string, ...rules: readonly string[]): string {
  const chain = [
    '\tchain input {',
    '\t\ttype filter hook input priority filter; policy accept;',
    ...rules.map((rule) => `\t\t${rule}`),
  ];
  return [`table inet ${name} {`, ...chain, '\t}', '}'].join('\n');
}

/** `make` gives an Nft without tables. */
export function nftSuite(title: string, make: () => Promise<Nft>): void {
  test(`${title}: a table that is not there is null, and removing it is quiet`, async () => {
    const nft = await make();
    assert.equal(await nft.table('one'), null);
    await nft.remove('one');
  });

  test(`${title}: a replaced table reads back as it was written`, async () => {
    const nft = await make();
    await nft.replace('one', one);
    assert.equal(await nft.table('one'), one);
  });

  test(`${title}: replacing leaves none of the old rules, and loading twice does not double them`, async () => {
    const nft = await make();
    await nft.replace('one', one);
    await nft.replace('one', one);
    assert.equal(await nft.table('one'), one);
    await nft.replace('one', table('one', 'udp dport 53 drop'));
    assert.equal(await nft.table('one'), table('one', 'udp dport 53 drop'));
  });

  test(`${title}: other tables are left alone`, async () => {
    const nft = await make();
    await nft.replace('one', one);
    await nft.replace('two', table('two', 'drop'));
    await nft.remove('two');
    assert.equal(await nft.table('two'), null);
    assert.equal(await nft.table('one'), one);
  });

  test(`${title}: a broken text is refused with its line, and the old table stays`, async () => {
    const nft = await make();
    await nft.replace('one', one);
    const broken: readonly (readonly [string, RegExp])[] = [
      [one.replace(/\n\t\}\n\}$/, ''), /line 4/],
      [`${one}\nflush ruleset`, /line 7/],
      [one.replace('\ttype', '}\nflush ruleset\n{'), /line 4/],
      [one.replace('inet one', 'inet two'), /line 1/],
      [one.replace('\ttype', '}}\n\tflush ruleset\n\ttable inet one {\n\tchain input {\n\t\ttype'), /line 3/],
      ['', /line 1/],
    ];
    for (const [text, message] of broken)
      await assert.rejects(nft.replace('one', text), { code: 'check', message }, text);
    assert.equal(await nft.table('one'), one);
    assert.equal(await nft.table('two'), null);
  });
}

/** What more every Nft does. */
export function nftWatchSuite(title: string, make: () => Promise<Nft>): void {
  test(`${title}: a watch tells of each change of a table`, async () => {
    const nft = await make();
    await keepsWatch((changed) => nft.watch(changed), {
      'a table is made': () => nft.replace('one', one),
      'its rules change': () => nft.replace('one', table('one', 'udp dport 53 drop')),
      'another table is made': () => nft.replace('two', table('two', 'drop')),
      'a table is removed': () => nft.remove('one'),
    });
    await nft.remove('two');
  });
}
