// Words of the profiles that stand for what only the user knows; a file in which one is left is not applied.

import type { Finding, Path } from './problem.ts';

/** Word → what belongs in its place, and what puts it there. */
const placeholders: Readonly<Record<string, { readonly expected: string; readonly hint: string }>> = {
  CLIENT_PUBLIC_KEY: {
    expected: "the client's WireGuard public key",
    hint: 'op-dbus init --client-key KEY fills it in (--generate makes a pair), or write what wg pubkey prints on the client.',
  },
  WARP_PUBLIC_KEY: {
    expected: "WARP's WireGuard public key",
    hint: 'op-dbus warp register --state FILE fills it in (import, if you have wgcf-profile.conf), as init --warp does.',
  },
  VPS_IP: {
    expected: "the VPS's address or host name",
    hint: 'op-dbus init --vps ADDRESS fills it in, or write it here.',
  },
  UUID: {
    expected: 'the UUID that client and VPS share',
    hint: 'op-dbus init --uuid ID (or --uuid new) fills it in; it must be the same on both sides.',
  },
  VPS_PUBLIC_IP: {
    expected: "this VPS's public IPv4 address",
    hint: 'op-dbus init --public-ip ADDRESS fills it in, or write it here.',
  },
};

/** Every place where a placeholder is left: as a whole value, or as the host of `host:port` or `address/prefix`. */
export function unfilled(value: unknown, path: Path = []): readonly Finding[] {
  if (typeof value === 'string') {
    const word = value.split(/[:/]/, 1)[0] ?? '';
    const found = Object.hasOwn(placeholders, word) ? placeholders[word] : undefined;
    return found === undefined
      ? []
      : [{ path, message: `${word} is not filled in: expected ${found.expected}`, hint: found.hint }];
  }
  if (Array.isArray(value)) return value.flatMap((item, index) => unfilled(item, [...path, index]));
  if (value === null || typeof value !== 'object') return [];
  return Object.entries(value).flatMap(([key, item]) => unfilled(item, [...path, key]));
}
