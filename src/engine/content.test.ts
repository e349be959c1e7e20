// What the files folder must hold, and what is said when it doesn't.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { parse } from '../core/state/parse.ts';
import { topology } from '../core/topology/build.ts';
import type { Host } from '../drivers/host.ts';
import { fakeFiles } from '../drivers/files/fake.ts';
import { fakeSecrets } from '../drivers/secret/fake.ts';
import { describe } from '../error.ts';
import { readContents } from './content.ts';

const golden = 'test/golden/privacy-vps';
const certificate = readFileSync(`${golden}/files/xray-server/etc/xray/cert.pem`, 'utf8');
const key = readFileSync(`${golden}/files/xray-server/etc/xray/key.pem`, 'utf8');
const other = readFileSync('test/golden/other-key.pem', 'utf8');

/** The lines that are said of the VPS's files, each a path's content. */
async function said(contents: Readonly<Record<string, readonly [string, number?]>>): Promise<readonly string[]> {
  const parsed = parse(readFileSync(`${golden}/state.json`, 'utf8'));
  assert.ok('state' in parsed);
  const files = fakeFiles();
  for (const [path, [content, mode]] of Object.entries(contents))
    await files.write(`/f/xray-server/etc/xray/${path}`, content, mode);
  const host = { files, secrets: fakeSecrets(files) } as unknown as Host;
  try {
    const facts = await readContents(host, topology(parsed.state, {}), '/f');
    return Object.keys(facts);
  } catch (error) {
    assert.ok(error instanceof AggregateError);
    return error.errors.map((one) => describe(one).split('\n')[0] ?? '');
  }
}

test('a certificate and the key that belongs to it are taken', async () => {
  assert.deepEqual(await said({ 'cert.pem': [certificate, 0o644], 'key.pem': [key] }), [
    'xray-server:/etc/xray/cert.pem',
    'xray-server:/etc/xray/key.pem',
  ]);
});

test('every missing file is named at once', async () => {
  assert.deepEqual(await said({}), [
    'error[host] /f/xray-server/etc/xray/cert.pem: missing: xray-server needs it as /etc/xray/cert.pem',
    'error[host] /f/xray-server/etc/xray/key.pem: missing: xray-server needs it as /etc/xray/key.pem',
  ]);
});

test('a key that others can read is refused, a certificate is not', async () => {
  assert.deepEqual(await said({ 'cert.pem': [certificate, 0o644], 'key.pem': [key, 0o644] }), [
    'error[host] /f/xray-server/etc/xray/key.pem: others can read this key',
  ]);
});

test('what is no certificate or no key is refused, without a word of its content', async () => {
  const lines = await said({ 'cert.pem': [key], 'key.pem': ['password'] });
  assert.match(lines[0] ?? '', /cert\.pem: expected a certificate in PEM/);
  assert.match(lines[1] ?? '', /key\.pem: expected a private key in PEM/);
  assert.doesNotMatch(lines.join(), /password/);
});

test('a key of another certificate is refused', async () => {
  assert.match((await said({ 'cert.pem': [certificate], 'key.pem': [other] })).join(), /does not belong to/);
});
