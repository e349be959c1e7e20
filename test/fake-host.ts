// A host made of all the fakes.

import { fakeContainers } from '../src/drivers/container/fake.ts';
import { scriptedExec } from '../src/drivers/exec.fake.ts';
import { fakeFiles } from '../src/drivers/files/fake.ts';
import type { Host } from '../src/drivers/host.ts';
import { fakeMachine } from '../src/drivers/machine/fake.ts';
import { fakeNet } from '../src/drivers/net/fake.ts';
import { fakeNft } from '../src/drivers/nft/fake.ts';
import { fakeOpenFlow } from '../src/drivers/openflow/fake.ts';
import { fakeOvsdb } from '../src/drivers/ovsdb/fake.ts';
import { fakeSecrets } from '../src/drivers/secret/fake.ts';

export function fakeHost(): Host {
  const files = fakeFiles();
  const ovsdb = fakeOvsdb();
  return {
    ovsdb,
    openflow: fakeOpenFlow(ovsdb),
    net: fakeNet(),
    nft: fakeNft(),
    containers: fakeContainers(),
    files,
    secrets: fakeSecrets(files),
    machine: fakeMachine(),
    exec: scriptedExec(() => undefined).exec,
  };
}
