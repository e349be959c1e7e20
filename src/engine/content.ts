// Keys and certificates that go into containers, from the `files` folder beside the state: read, and looked at closely.

import { createHash, createPrivateKey, X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import { join } from 'node:path';
import { fingerprint } from '../core/secret.ts';
import type { FileFact, Topology } from '../core/topology.ts';
import type { Host } from '../drivers/host.ts';
import { OpError } from '../error.ts';
import { kinds } from '../kinds/index.ts';
import type { Content } from '../kinds/kind.ts';

type Sort = Content['sort'];

/**
 * By `container:/path`; `folder` mirrors the containers' trees. Contents are trimmed and remembered as secrets.
 * @throws AggregateError of OpErrors `host`: every file that is missing, is not what it should be, or that others can read.
 */
export async function readContents(
  host: Host,
  topology: Topology,
  folder: string,
): Promise<Readonly<Record<string, FileFact>>> {
  const needed = kinds.flatMap((kind) => kind.contents?.(topology) ?? []);
  const found = await Promise.all(needed.map((one) => content(host, join(folder, one.container, one.path), one)));
  const unfit = needed.map((one, index) => misnamed(found[index], one) ?? mismatch(needed, found, one));
  const problems = [...found, ...unfit].flatMap((one) => (one instanceof OpError ? [one] : []));
  if (problems.length > 0) throw new AggregateError(problems);
  const facts = needed.flatMap(({ container, path, sort }, index) => {
    const text = found[index];
    if (typeof text !== 'string') return [];
    host.secrets.remember(fingerprint(text), text);
    const certificate = sort === 'certificate' ? digest(text) : null;
    return [[`${container}:${path}`, { fingerprint: fingerprint(text), certificate }] as const];
  });
  return Object.fromEntries(facts);
}

/** The file's text, null when it isn't there and needn't be, or what is wrong with it. */
async function content(
  host: Host,
  at: string,
  { container, path, sort, ...needed }: Content,
): Promise<string | null | OpError> {
  const [text, mode] = await Promise.all([host.files.read(at), host.files.mode(at)]);
  if (text === null)
    return needed.required
      ? new OpError('host', `missing: ${container} needs it as ${path}`, { at, hint: needed.hint })
      : null;
  if (!open.includes(sort) && ((mode ?? 0) & 0o077) !== 0)
    return new OpError('host', 'others can read this key', { at, hint: `chmod 600 ${at}` });
  return is[sort](text.trim())
    ? text.trim()
    : new OpError('host', `expected a ${sort}${shape[sort]}`, { at, hint: needed.hint });
}

/** What everybody may read. */
const open: readonly Sort[] = ['certificate', 'web page'];

const shape: Readonly<Record<Sort, string>> = {
  'WireGuard key': ': 44 characters of base64, as wg genkey prints it',
  'REALITY key': ': 43 characters of base64url, as xray x25519 prints it',
  'web page': ' with something in it',
  certificate: ' in PEM, beginning with -----BEGIN CERTIFICATE-----',
  'private key': ' in PEM, beginning with -----BEGIN PRIVATE KEY-----',
};

const is: Readonly<Record<Sort, (text: string) => boolean>> = {
  'WireGuard key': (text) => /^[A-Za-z0-9+/]{43}=$/.test(text) && Buffer.from(text, 'base64').length === 32,
  'REALITY key': (text) => /^[A-Za-z0-9_-]{43}$/.test(text),
  'web page': (text) => text !== '',
  certificate: (text) => text.startsWith('-----BEGIN CERTIFICATE-----') && digest(text) !== null,
  'private key': (text) => parses(() => createPrivateKey(text)),
};

/** A certificate that is for somebody else: the proxy would refuse the server with it, and say nothing. */
function misnamed(text: unknown, { container, path, host }: Content): OpError | null {
  if (typeof text !== 'string' || host === undefined) return null;
  const certificate = new X509Certificate(text);
  const fits = isIP(host) === 0 ? certificate.checkHost(host, { subject: 'never' }) : certificate.checkIP(host);
  if (fits !== undefined) return null;
  const sort = isIP(host) === 0 ? 'DNS' : 'IP';
  return new OpError('host', `the certificate is not for ${host}`, {
    at: `${container}:${path}`,
    hint: `It names ${certificate.subjectAltName ?? 'nobody (subjectAltName is missing)'}. Make one with -addext subjectAltName=${sort}:${host}, or give its name as server_name.`,
  });
}

/** A key that doesn't belong to its certificate. */
function mismatch(needed: readonly Content[], found: readonly unknown[], key: Content): OpError | null {
  const paper = needed.findIndex(({ container, path }) => container === key.container && path === key.certificate);
  const [certificate, secret] = [found[paper], found[needed.indexOf(key)]];
  if (typeof certificate !== 'string' || typeof secret !== 'string') return null;
  if (new X509Certificate(certificate).checkPrivateKey(createPrivateKey(secret))) return null;
  return new OpError('host', `the key does not belong to the certificate ${key.certificate}`, {
    at: `${key.container}:${key.path}`,
    hint: key.hint,
  });
}

function digest(text: string): string | null {
  try {
    return createHash('sha256').update(new X509Certificate(text).raw).digest('hex');
  } catch {
    return null;
  }
}

function parses(action: () => unknown): boolean {
  try {
    action();
    return true;
  } catch {
    return false;
  }
}
