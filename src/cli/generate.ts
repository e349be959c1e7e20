// What `init --generate` makes: WireGuard keys (RFC 7748 x25519), a UUID, a self-signed certificate.

import { createPrivateKey, createPublicKey, generateKeyPairSync, randomUUID } from 'node:crypto';
import { isIP } from 'node:net';
import { exec, run } from '../drivers/exec.ts';
import { OpError } from '../error.ts';

/** Base64 of 32 bytes each, as `wg genkey` and `wg pubkey` print them. */
export type WireguardKeys = { readonly privateKey: string; readonly publicKey: string };

/** PEM texts. */
export type Certificate = { readonly certificate: string; readonly key: string };

export function wireguardKeys(): WireguardKeys {
  const { privateKey } = generateKeyPairSync('x25519');
  return { privateKey: raw(privateKey.export({ format: 'jwk' }).d), publicKey: publicOf(privateKey) };
}

/** The public key that belongs to a private key. @throws OpError `usage` when it isn't base64 of 32 bytes. */
export function publicKey(privateKey: string): string {
  const bytes = Buffer.from(privateKey.trim(), 'base64');
  if (bytes.length !== 32) throw new OpError('usage', 'not a WireGuard private key: expected base64 of 32 bytes');
  // PKCS #8 for x25519 (RFC 8410 §7): a fixed prefix and the 32 bytes.
  const der = Buffer.concat([Buffer.from('302e020100300506032b656e04220420', 'hex'), bytes]);
  return publicOf(createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }));
}

export function uuid(): string {
  return randomUUID();
}

/**
 * A self-signed P-256 certificate for the given names and addresses, valid for 825 days.
 * The key comes by stdout and is never on disk on the way. @throws OpError `host` when openssl is missing or fails.
 */
export async function selfSigned(names: readonly string[]): Promise<Certificate> {
  const alternatives = names.map((name) => `${isIP(name) === 0 ? 'DNS' : 'IP'}:${name}`).join(',');
  const text = await run(exec, [
    ...(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'] as const),
    ...['-days', '825', '-subj', `/CN=${names[0] ?? ''}`, '-addext', `subjectAltName=${alternatives}`],
    ...['-keyout', '-'],
  ]);
  return { certificate: block(text, 'CERTIFICATE'), key: block(text, 'PRIVATE KEY') };
}

function publicOf(privateKey: Parameters<typeof createPublicKey>[0]): string {
  return raw(createPublicKey(privateKey).export({ format: 'jwk' }).x);
}

function raw(base64url: string | undefined): string {
  return Buffer.from(base64url ?? '', 'base64url').toString('base64');
}

function block(text: string, label: string): string {
  const found = new RegExp(`-----BEGIN ${label}-----[^-]+-----END ${label}-----`).exec(text)?.[0];
  if (found === undefined) throw new OpError('host', `openssl printed no ${label}`);
  return `${found}\n`;
}
