// The stand-in server: who may register, what address a host keeps, whom it is told of.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { meshServer } from './netmaker/server.ts';

const token = (value: string): string => Buffer.from(JSON.stringify({ server: 'x', value })).toString('base64');
const hosts = ['aaaa', 'bbbb'].map((id) => ({ id, body: `id ${id}\nkey KEY${id}=\nlocal 10.1.0.104\nport 51925\n` }));

test('a host registers with the right token alone, keeps its address, and is told the others and how it reaches them', () => {
  const server = meshServer('right');
  const register = (value: string, body: string) =>
    server('POST', `/api/v1/host/register/${token(value)}`, '192.0.2.1', body);
  assert.equal(register('wrong', '').status, 401);
  for (const { body } of [...hosts, ...hosts]) assert.equal(register('right', body).status, 200);
  const pull = server('GET', '/api/v1/host/aaaa', '192.0.2.1', '');
  assert.equal(pull.body, 'address 10.10.0.2/16\npeer KEYbbbb= 10.1.0.104:51925 10.10.0.3\n');
  const elsewhere = hosts[1]?.body ?? '';
  assert.equal(server('POST', `/api/v1/host/register/${token('right')}`, '192.0.2.9', elsewhere).status, 200);
  assert.match(server('GET', '/api/v1/host/aaaa', '192.0.2.1', '').body, /KEYbbbb= 192\.0\.2\.9:51925 10\.10\.0\.3/);
  assert.equal(server('GET', '/api/v1/host/cccc', '192.0.2.1', '').status, 401);
  assert.equal(server('DELETE', '/api/v1/host/bbbb', '192.0.2.1', '').status, 200);
  assert.equal(server('GET', '/stand-in', '', '').body, 'hosts 1\nregistrations 5\n');
});
