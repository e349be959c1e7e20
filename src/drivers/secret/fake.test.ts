// The fake store keeps the contract.

import { fakeFiles } from '../files/fake.ts';
import { fakeSecrets } from './fake.ts';
import { secretSuite } from './suite.ts';

secretSuite('fake secrets', async () => {
  const files = fakeFiles();
  return { secrets: fakeSecrets(files), reopen: () => fakeSecrets(files) };
});
