// Keys and certificates that go into containers, from the `files` folder beside the state: read, and looked at closely.

import { createHash, createPrivateKey, X509Certificate } from 'node:crypto';
import { join } from 'node:path';
import { fingerprint } from '../core/secret.ts';
import type { FileFact, Member } from '../core/topology.ts';
import type { Host } from '../drivers/host.ts';
import { OpError } from '../error.ts';

type Sort = 'WireGuard key' | 'certificate' | 'private key';

type Needed = {
  readonly container: string;
  readonly path: string;
  readonly sort: Sort;
  readonly required: boolean;
  /** What to do when it is missing. */
  readonly hint: string;
};

/**
 * By `container:/path`; `folder` mirrors the containers' trees. Contents are trimmed and remembered as secrets.
 * @throws AggregateError of OpErrors `host`: every file that is missing, is not what it should be, or that others can read.
 */
export async function readContents(
  host: Host,
  members: readonly Member[],
  folder: string,
): Promise<Readonly<Record<string, FileFact>>> {
  const needed = members.flatMap(needs);
  const found = await Promise.all(needed.map((one) => content(host, join(folder, one.container, one.path), one)));
  const problems = [...found, ...needed.map((one) => mismatch(needed, found, one))].flatMap((one) =>
    one instanceof OpError ? [one] : [],
  );
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

function needs(member: Member): readonly Needed[] {
  const need = (path: string, sort: Sort, hint: string, required = true): Needed => ({
    ...{ container: member.name, path, sort },
    ...{ required, hint },
  });
  const wg = 'Make one with wg genkey, or let op-dbus init --generate make it.';
  const tls = 'Put yours there (PEM), or let op-dbus init --generate make a self-signed pair.';
  const { xray, warp } = member;
  const pairs = xray?.inbound.protocol === 'vmess' ? xray.inbound.streamSettings.tlsSettings.certificates : [];
  return [
    ...Object.values(member.wireguard).flatMap((tunnel) => [
      need(tunnel.private_key_file, 'WireGuard key', wg),
      ...tunnel.peers.flatMap(({ preshared_key_file: path }) =>
        path ? [need(path, 'WireGuard key', 'Make one with wg genpsk.')] : [],
      ),
    ]),
    ...(warp ? [need(warp.private_key_file, 'WireGuard key', 'Take it from wgcf: op-dbus init --warp FILE.')] : []),
    ...pairs.flatMap(({ certificateFile, keyFile }) => [
      need(certificateFile, 'certificate', tls),
      need(keyFile, 'private key', tls),
    ]),
    ...pinned(member).map(({ path, required }) =>
      need(
        path,
        'certificate',
        "Nothing else can prove that the server is yours: put the VPS's certificate (PEM) there, or give server_name, a name with a certificate that everybody trusts.",
        required,
      ),
    ),
  ];
}

/** A server that is reached by address has no name by which an authority could vouch for it. */
function pinned({ xray }: Member): readonly { readonly path: string; readonly required: boolean }[] {
  if (xray?.outbound.protocol !== 'vmess') return [];
  const { certificate_file, server_name, server } = xray.outbound;
  const named = server_name !== undefined || server !== xray.resolved?.ip;
  return [{ path: certificate_file ?? '/etc/xray/vps.pem', required: certificate_file !== undefined || !named }];
}

/** The file's text, null when it isn't there and needn't be, or what is wrong with it. */
async function content(
  host: Host,
  at: string,
  { container, path, sort, ...needed }: Needed,
): Promise<string | null | OpError> {
  const [text, mode] = await Promise.all([host.files.read(at), host.files.mode(at)]);
  if (text === null)
    return needed.required
      ? new OpError('host', `missing: ${container} needs it as ${path}`, { at, hint: needed.hint })
      : null;
  if (sort !== 'certificate' && ((mode ?? 0) & 0o077) !== 0)
    return new OpError('host', 'others can read this key', { at, hint: `chmod 600 ${at}` });
  return is[sort](text.trim())
    ? text.trim()
    : new OpError('host', `expected a ${sort}${shape[sort]}`, { at, hint: needed.hint });
}

const shape: Readonly<Record<Sort, string>> = {
  'WireGuard key': ': 44 characters of base64, as wg genkey prints it',
  certificate: ' in PEM, beginning with -----BEGIN CERTIFICATE-----',
  'private key': ' in PEM, beginning with -----BEGIN PRIVATE KEY-----',
};

const is: Readonly<Record<Sort, (text: string) => boolean>> = {
  'WireGuard key': (text) => /^[A-Za-z0-9+/]{43}=$/.test(text) && Buffer.from(text, 'base64').length === 32,
  certificate: (text) => text.startsWith('-----BEGIN CERTIFICATE-----') && digest(text) !== null,
  'private key': (text) => parses(() => createPrivateKey(text)),
};

/** A server's key that doesn't belong to its certificate. */
function mismatch(needed: readonly Needed[], found: readonly unknown[], one: Needed): OpError | null {
  const index = needed.indexOf(one);
  const [certificate, key] = [found[index], found[index + 1]];
  if (one.sort !== 'certificate' || needed[index + 1]?.sort !== 'private key') return null;
  if (typeof certificate !== 'string' || typeof key !== 'string') return null;
  if (new X509Certificate(certificate).checkPrivateKey(createPrivateKey(key))) return null;
  return new OpError('host', `the key does not belong to the certificate ${one.path}`, {
    at: `${one.container}:${needed[index + 1]?.path}`,
    hint: one.hint,
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
