// Keys, profiles and configurations at the ends of the lab.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import { keyPair, splitDns, wgcfProfile } from './wireguard.ts';

test('wg pubkey agrees with the key pairs', () => {
  const { privateKey, publicKey } = keyPair();
  assert.equal(execFileSync('wg', ['pubkey'], { input: privateKey, encoding: 'utf8' }).trim(), publicKey);
});

test('DNS lines are taken out of a wg-quick file, all else stays', () => {
  const { rest, servers } = splitDns(
    '[Interface]\nAddress = 10.0.0.1/32\n dns=1.1.1.1 , 9.9.9.9\nMTU = 1280\nDNS = 8.8.8.8',
  );
  assert.equal(rest, '[Interface]\nAddress = 10.0.0.1/32\nMTU = 1280');
  assert.deepEqual(servers, ['1.1.1.1', '9.9.9.9', '8.8.8.8']);
});

test("the WARP profile has the device's key in its own section and the peer's in the other", () => {
  const [own, peer] = wgcfProfile('PRIVATE', 'PUBLIC').split('[Peer]');
  assert.match(own ?? '', /^PrivateKey = PRIVATE$/m);
  assert.match(peer ?? '', /^PublicKey = PUBLIC$/m);
});
