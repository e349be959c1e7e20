// A secret store in memory: the real one over fake files.

import { fakeFiles } from '../files/fake.ts';
import { secretStore } from './client.ts';
import type { Secrets } from './contract.ts';

export function fakeSecrets(files = fakeFiles()): Secrets {
  return secretStore(undefined, files);
}
