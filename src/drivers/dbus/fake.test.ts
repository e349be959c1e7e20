// The bus in memory keeps the contract.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fakeDBus } from './fake.ts';
import { dbusSuite } from './suite.ts';

const bus = fakeDBus();
dbusSuite('fake bus', () => bus.connect(1000));

test('fake bus: it connects when it is first asked for, and once', async () => {
  const fake = fakeDBus();
  assert.equal(fake.connections(), 0);
  assert.equal(await fake.system(), await fake.system());
  assert.equal(fake.connections(), 1);
  await fake.close();
});

test('fake bus: one that goes away ends its connections and their calls', async () => {
  const fake = fakeDBus();
  const client = await fake.connect();
  fake.stop();
  assert.match((await client.ended)?.message ?? '', /gone/);
  await assert.rejects(client.user(':1.1'), { code: 'host', message: /gone/ });
});
