// The lab's target: addresses, bytes, markers.

import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { connect } from 'node:net';
import { once } from 'node:events';
import { after, before, test } from 'node:test';
import { respond } from './target.ts';

const server = createServer(respond);
let base = '';

before(async () => {
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const address = server.address();
  base = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
});
after(() => {
  server.closeAllConnections();
  server.close();
});

test('the caller is told its plain address and a newline', async () => {
  assert.equal(await (await fetch(base)).text(), '127.0.0.1\n');
});

test('a download has exactly the length asked for, on the wire too', async () => {
  for (const length of [0, 1, 65_536, 1_000_001]) {
    const socket = connect(Number(new URL(base).port), '127.0.0.1');
    socket.write(`GET /bytes/${length} HTTP/1.0\r\n\r\n`);
    const chunks: Buffer[] = [];
    for await (const chunk of socket) chunks.push(chunk);
    const bytes = Buffer.concat(chunks);
    const head = bytes.indexOf('\r\n\r\n') + 4;
    assert.match(bytes.toString('latin1', 0, head), new RegExp(`^content-length: ${length}\r$`, 'm'));
    assert.equal(bytes.length - head, length);
  }
});

test('an echo gives back what was sent, and a marker comes with the caller', async () => {
  assert.equal(await (await fetch(`${base}/echo`, { method: 'POST', body: 'abc' })).text(), 'abc');
  assert.equal(await (await fetch(`${base}/marker/m12`)).text(), 'm12 127.0.0.1\n');
});

test('any other page is not there', async () => {
  for (const path of ['/bytes/x', '/bytes/9999999999999', '/marker', '/other'])
    assert.equal((await fetch(`${base}${path}`)).status, 404);
});
