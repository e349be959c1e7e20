// The fake keeps the contract.

import { fakeNft } from './fake.ts';
import { nftSuite, nftWatchSuite } from './suite.ts';

nftSuite('fake nft', async () => fakeNft());
nftWatchSuite('fake nft', async () => fakeNft());
