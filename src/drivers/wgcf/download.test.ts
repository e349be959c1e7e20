// The pinned program is run only when it is the pinned file.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { exec } from '../exec.ts';
import { fetched } from './download.ts';
import { type Pin, pins } from './pin.ts';

const program = '#!/bin/sh\necho pinned\n';
const sha256 = createHash('sha256').update(program).digest('hex');
const root = mkdtempSync(join(tmpdir(), 'op-dbus-pin-'));
let asked = 0;
let server: Server;
let pin: Pin;

before(async () => {
  server = createServer((request, response) => {
    asked += 1;
    // Published files are led on to another address.
    if (request.url === '/release') response.writeHead(302, { location: '/file' }).end();
    else response.writeHead(request.url === '/file' ? 200 : 404).end(program);
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  pin = { version: '1', url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/release`, sha256 };
});
after(() => {
  server.close();
  rmSync(root, { recursive: true });
});

test('it is fetched once, for its owner alone, and fetched again when it was changed', async () => {
  const folder = join(root, 'a/b');
  const said: string[] = [];
  const path = await fetched(pin, folder, (line) => said.push(line));
  assert.equal((await exec([path])).stdout, 'pinned');
  assert.equal(statSync(path).mode & 0o777, 0o700);
  assert.equal(await fetched(pin, folder, (line) => said.push(line)), path);
  assert.deepEqual([asked, said.length], [2, 1]);
  writeFileSync(path, '#!/bin/sh\necho other\n');
  assert.equal((await exec([await fetched(pin, folder, () => {})])).stdout, 'pinned');
});

test('another file than the pinned one is refused, and nothing of it is left', async () => {
  const wrong = { ...pin, sha256: '0'.repeat(64) };
  await assert.rejects(
    fetched(wrong, root, () => {}),
    new RegExp(`is not the pinned file: SHA-256 ${sha256}`),
  );
  assert.deepEqual(readdirSync(root), ['a']);
});

test('what can not be fetched is told with another way', async () => {
  const gone = { ...pin, url: `${pin.url}/gone` };
  await assert.rejects(
    fetched(gone, root, () => {}),
    { message: /can't be fetched: 404/, hint: /--wgcf PATH/ },
  );
});

test('each pin is one file of one release, by a whole sum', () => {
  for (const { version, url, sha256: sum } of Object.values(pins)) {
    assert.ok(url.startsWith('https://github.com/ViRb3/wgcf/releases/download/') && url.includes(`_${version}_linux_`));
    assert.match(sum, /^[0-9a-f]{64}$/);
  }
  assert.equal(new Set(Object.values(pins).map(({ sha256: sum }) => sum)).size, Object.keys(pins).length);
});
