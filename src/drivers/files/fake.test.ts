// The fake Files keeps the contract.

import { fakeFiles } from './fake.ts';
import { filesSuite } from './suite.ts';

filesSuite('fake files', async () => fakeFiles());
