// A switch that is not installed has no bridges, and can't be given any.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connectOvsdb } from './client.ts';
import { optionalOvsdb } from './optional.ts';

test('without an Open vSwitch there are no bridges, and to need one is an error that says what to do', async () => {
  const absent = optionalOvsdb(connectOvsdb('/nonexistent/db.sock'), async () => false);
  assert.deepEqual(await absent.bridges(), []);
  await assert.rejects(absent.reach(), { code: 'host', hint: /apt install openvswitch-switch/ });
});

test('one that is installed and does not run is an error', async () => {
  const stopped = optionalOvsdb(connectOvsdb('/nonexistent/db.sock'), async () => true);
  await assert.rejects(stopped.bridges(), { code: 'host', hint: /systemctl start/ });
});
