// The fake keeps the contract.

import { fakeNft } from './fake.ts';
import { nftSuite } from './suite.ts';

nftSuite('fake nft', async () => fakeNft());
