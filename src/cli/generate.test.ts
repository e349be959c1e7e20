// Keys and certificates against the tools that will use them.

import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { test } from 'node:test';
import { exec } from '../drivers/exec.ts';
import { publicKey, selfSigned, wireguardKeys } from './generate.ts';

test('a generated key pair is what wg pubkey makes of its private key', async () => {
  const keys = wireguardKeys();
  const { stdout } = await exec(['wg', 'pubkey'], { stdin: `${keys.privateKey}\n` });
  assert.equal(stdout.trim(), keys.publicKey);
  assert.equal(publicKey(keys.privateKey), keys.publicKey);
});

test('a short private key is refused', () => {
  assert.throws(() => publicKey('c2hvcnQ='), /32 bytes/);
});

test('a generated certificate names all it is for, and its key belongs to it', async () => {
  const made = await selfSigned(['vps.example.net', '95.216.30.2']);
  const certificate = new X509Certificate(made.certificate);
  assert.equal(certificate.subjectAltName, 'DNS:vps.example.net, IP Address:95.216.30.2');
  const { createPrivateKey } = await import('node:crypto');
  assert.ok(certificate.checkPrivateKey(createPrivateKey(made.key)));
});
