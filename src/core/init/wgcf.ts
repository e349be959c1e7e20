// Reads what wgcf writes: wgcf-profile.conf, a WireGuard configuration (wg-quick(8)) of Cloudflare's WARP.

import { isIPv4 } from 'node:net';
import { OpError } from '../../error.ts';
import { parseAddress, showAddress } from '../address.ts';
import { key as keyFormat, parseEndpoint } from '../state/format.ts';

export type Warp = {
  /** A secret. */
  readonly privateKey: string;
  /** `172.16.0.2/32`: the IPv4 part, since IPv6 does not pass the chain. */
  readonly address: string;
  readonly mtu: number | null;
  readonly publicKey: string;
  /** `engage.cloudflareclient.com:2408` */
  readonly endpoint: string;
};

/**
 * Names are read in any case, lists from commas or repeated lines; DNS, AllowedIPs, PostUp and the like are left aside.
 * @throws OpError `usage`, naming the line or the missing setting, never a value.
 */
export function parseWarp(text: string): Warp {
  const { settings, peers } = read(text);
  if (peers !== 1) fail(`expected one [Peer] section, found ${peers}`);
  const one = (name: string): string => {
    const values = settings.get(name) ?? [];
    if (values.length !== 1) fail(`expected one ${names[name] ?? name}, found ${values.length}`);
    return values[0] ?? '';
  };
  const privateKey = one('interface.privatekey');
  if (!keyFormat.safeParse(privateKey).success) fail('PrivateKey: expected 44 characters of base64');
  const publicKey = one('peer.publickey');
  if (!keyFormat.safeParse(publicKey).success) fail('PublicKey: expected 44 characters of base64');
  const endpoint = one('peer.endpoint');
  if (parseEndpoint(endpoint) === null) fail('Endpoint: expected a host name or IPv4 address with port');
  const addresses = (settings.get('interface.address') ?? []).flatMap((value) =>
    value.split(',').map((part) => part.trim()),
  );
  const address = addresses
    .map((part) => parseAddress(isIPv4(part) ? `${part}/32` : part))
    .find((parsed) => parsed !== null);
  if (address === undefined) fail('Address: expected an IPv4 address');
  return {
    privateKey,
    publicKey,
    endpoint,
    address: showAddress(address as NonNullable<typeof address>),
    mtu: mtu(settings.get('interface.mtu')),
  };
}

const names: Readonly<Record<string, string>> = {
  'interface.privatekey': 'PrivateKey in [Interface]',
  'peer.publickey': 'PublicKey in [Peer]',
  'peer.endpoint': 'Endpoint in [Peer]',
};

/** `section.name`, in small letters → its values in order; and how many [Peer] sections there are. */
function read(text: string): { readonly settings: ReadonlyMap<string, readonly string[]>; readonly peers: number } {
  const settings = new Map<string, readonly string[]>();
  let section = '';
  let peers = 0;
  for (const [index, raw] of text
    .replace(/^\ufeff/, '')
    .split(/\r?\n/)
    .entries()) {
    const line = raw.replace(/#.*/, '').trim();
    if (line === '') continue;
    const [, header] = /^\[(interface|peer)\]$/i.exec(line) ?? [];
    const [, name, value] = /^([A-Za-z0-9]+)\s*=\s*(.*)$/.exec(line) ?? [];
    if (header !== undefined) {
      section = header.toLowerCase();
      peers += Number(section === 'peer');
    } else if (name !== undefined && value !== undefined && section !== '') {
      const place = `${section}.${name.toLowerCase()}`;
      settings.set(place, [...(settings.get(place) ?? []), value]);
    } else fail(`line ${index + 1}: expected [Interface], [Peer] or "Name = value"`);
  }
  return { settings, peers };
}

function mtu(values: readonly string[] | undefined): number | null {
  if (values === undefined) return null;
  const number = /^[0-9]{4}$/.test(values[0] ?? '') ? Number(values[0]) : 0;
  if (values.length !== 1 || number < 1280 || number > 1440) fail('MTU: expected one number from 1280 to 1440');
  return number;
}

function fail(message: string): never {
  throw new OpError('usage', `not a profile that wgcf wrote: ${message}`, {
    at: '--warp',
    hint: 'Make one with op-dbus warp register, and give the path of wgcf-profile.conf.',
  });
}
