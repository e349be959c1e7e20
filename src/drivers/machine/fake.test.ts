// The fake keeps the contract.

import { fakeMachine } from './fake.ts';
import { machineSuite } from './suite.ts';

machineSuite('fake machine', async () =>
  fakeMachine({
    names: { localhost: ['127.0.0.1'] },
    programs: { sh: '/usr/bin/sh', bash: '/usr/bin/bash', true: '/usr/bin/true' },
    nameservers: ['192.0.2.53'],
    versions: { bash: '5.2.15' },
    space: { '/tmp': 1e9 },
    writable: ['/tmp'],
  }),
);
