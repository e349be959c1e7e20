// The fake keeps the contract.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OpError } from '../../error.ts';
import { fakeControl } from './fake.ts';
import { controlSuite } from './suite.ts';

const commands = {
  version: () => 'ovs-vswitchd (Open vSwitch) 3.1.0\n',
  'dpctl/flush-conntrack': (zone: string) => {
    if (zone === 'zone=x') throw new OpError('protocol', 'dpctl/flush-conntrack: failed to parse zone');
    return '';
  },
};

controlSuite('fake control', async () =>
  fakeControl(commands as Record<string, (...args: readonly string[]) => string>),
);

test('fake control: calls are kept with their arguments', async () => {
  const control = fakeControl({ version: () => 'x' });
  await control.command('version', ['a', 'b']);
  assert.deepEqual(control.calls, [['version', 'a', 'b']]);
});
