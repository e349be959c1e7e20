// The lock: held once, free after, also after a failure.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { locked } from './lock.ts';

test('what is held is refused with the name of who holds it, and is free afterwards', async () => {
  const name = `op-dbus-test-${process.pid}`;
  await locked(name, 'op-dbus', async () => {
    await assert.rejects(
      locked(name, 'op-dbus', async () => 1),
      { code: 'host', message: 'another op-dbus is at work' },
    );
    assert.equal(await locked(`${name}-2`, 'op-dbus', async () => 2), 2);
  });
  await assert.rejects(
    locked(name, 'op-dbus', async () => Promise.reject(new TypeError('x'))),
    TypeError,
  );
  assert.equal(await locked(name, 'op-dbus', async () => 3), 3);
});
