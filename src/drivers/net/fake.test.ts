// The fake network keeps the contract.

import { fakeNet } from './fake.ts';
import { netSuite } from './suite.ts';

netSuite('fake net', async () =>
  fakeNet([{ name: 'port0', mac: '02:00:00:00:00:01', mtu: 1500, up: false, addresses: [] }]),
);
