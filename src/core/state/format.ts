// The formats of single values: what each looks like, in words that end a sentence "expected …", and its check.

import { isIPv4 } from 'node:net';
import * as z from 'zod';
import { networkOf, parseAddress, showAddress } from '../address.ts';

/** Names that mean something else to Open vSwitch or to the kernel. */
const reserved = /^(lo|all|default|local|normal|flood|in_port|controller|none|any|unset|table|drop)$/i;

export const name = pattern(
  /^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$/,
  'a name of small letters, digits and -, like xray-client',
);

export const device = text('an interface name of at most 15 letters, digits, _ or -, like internal_100', (value) => {
  if (reserved.test(value)) return `${value} is reserved.`;
  return /^[A-Za-z][A-Za-z0-9_-]{0,14}$/.test(value);
});

export const port = z.int().min(1).max(65535).meta({ description: 'a port from 1 to 65535' });

export const mtu = z.int().min(576).max(9000).meta({ description: 'an MTU from 576 to 9000' });

/** With WireGuard's 60 bytes around it WARP's packet fits into one of the bridge's 1,500; a client's IPv6 needs 1,280 (RFC 8200 §5). */
export const innerMtu = z.int().min(1280).max(1440).meta({ description: 'an MTU from 1280 to 1440' });

export const template = pattern(/^[a-z0-9][a-z0-9._-]{0,62}$/, 'the name of a template, like debian-12');

export const service = pattern(
  /^[A-Za-z0-9][A-Za-z0-9@._-]{0,62}$/,
  'the name of a systemd service, like wg-quick@wg-warp',
);

export const uuid = pattern(
  /^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$/,
  'a UUID, like 6ba7b810-9dad-41d1-80b4-00c04fd430c8',
);

/** 32 bytes in base64: the 43rd character carries four bits only. */
export const key = pattern(
  /^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$/,
  'a WireGuard public key: 44 characters of base64, as wg pubkey prints it',
);

export const realityKey = pattern(
  /^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$/,
  'a REALITY public key: 43 characters of base64url, as xray x25519 prints it',
);

export const shortId = pattern(/^([0-9a-f]{2}){1,8}$/, 'a short id: 2 to 16 hexadecimal digits, like 6ba7b8109dad11d1');

export const path = text(
  'an absolute path inside the container, like /etc/wireguard/private.key',
  (value) => /^(\/[A-Za-z0-9._@+-]+)+$/.test(value) && !/\/\.\.?(\/|$)/.test(value),
);

export const ip = text('an IPv4 address, like 203.0.113.5', (value) => ipv4(value, isIPv4(value)));

export const address = text('an IPv4 address with prefix, like 10.0.0.100/24', (value) => {
  if (isIPv4(value)) return `Add the prefix, like ${value}/24.`;
  return ipv4(value, parseAddress(value) !== null);
});

export const network = text('an IPv4 network, like 10.99.0.0/24', (value) => {
  if (isIPv4(value)) return `Add the prefix, like ${value}/32.`;
  const parsed = parseAddress(value);
  if (parsed === null) return ipv4(value, false);
  const proper = showAddress(networkOf(parsed));
  return value === proper || `Did you mean ${proper}?`;
});

export const host = text('a host name or an IPv4 address, like vps.example.com', (value) => ipv4(value, isHost(value)));

export const endpoint = text('a host name or IPv4 address with port, like engage.cloudflareclient.com:2408', (value) =>
  isHost(value) ? `Add the port, like ${value}:2408.` : ipv4(value, parseEndpoint(value) !== null),
);

/** A gateway asks no name server (that could tell on the client), so its peers are found by address alone. */
export const peerEndpoint = text('an IPv4 address with port, like 203.0.113.5:51820', (value) => {
  const parsed = parseEndpoint(value);
  return ipv4(value, parsed !== null && isIPv4(parsed.host));
});

/** `container:100`, `container:100-199`, `container:*`, `container:xray-client`, `port:internal_*` (selector.ts reads it). */
export const selector = pattern(
  /^(container:([1-9][0-9]{0,4}(-[1-9][0-9]{0,4})?|\*|[a-z]([a-z0-9-]{0,61}[a-z0-9])?)|port:[A-Za-z0-9_*?-]{1,15})$/,
  'a selector like container:100, container:100-199, container:*, container:xray-client or port:internal_*',
);

/** Where a policy sends: an interface name, in which variables may stand. */
export const target = pattern(
  /^[A-Za-z{][A-Za-z0-9_{}-]{0,62}$/,
  'an interface name of at most 15 letters, digits, _ or -, like internal_100',
);

export const cookie = pattern(/^0x[bB][eE][eE][fF][0-9a-fA-F]{4}$/, 'a cookie from 0xbeef0000 to 0xbeefffff');

export const nat = text('an IPv4 address, alone or with a port or ports, like 10.0.0.5:8000-8099', (value) => {
  const [ip = '', ports, ...more] = value.split(':');
  const range = (ports ?? '1').split('-');
  const numbers = range.map((port) => (/^[1-9][0-9]{0,4}$/.test(port) ? Number(port) : 65536));
  const [low = 0, high = low] = numbers;
  return ipv4(value, isIPv4(ip) && more.length === 0 && range.length <= 2 && low <= high && high <= 65535);
});

export const busName = pattern(
  /^(?=.{1,255}$)[A-Za-z_-][A-Za-z0-9_-]*(\.[A-Za-z_-][A-Za-z0-9_-]*)+$/,
  'a well-known bus name, like org.freedesktop.systemd1',
);

export const objectPath = pattern(/^(\/|(\/[A-Za-z0-9_]+)+)$/, 'an object path, like /org/freedesktop/systemd1');

export const interfaceName = pattern(
  /^(?=.{1,255}$)[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)+$/,
  'an interface, like org.freedesktop.systemd1.Manager',
);

/** Reads `host:port`; null for anything else. */
export function parseEndpoint(value: string): { readonly host: string; readonly port: number } | null {
  const [, name = '', digits = ''] = /^(.*):([1-9][0-9]{0,4})$/.exec(value) ?? [];
  return isHost(name) && Number(digits) <= 65535 ? { host: name, port: Number(digits) } : null;
}

/** An IPv4 address, or a host name (RFC 1123 §2.1) whose last label is not a number, so that no bad address is one. */
export function isHost(value: string): boolean {
  if (isIPv4(value)) return true;
  const labels = value.split('.');
  return (
    value.length <= 253 &&
    labels.every((label) => /^[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?$/.test(label)) &&
    !/^(0x[0-9a-f]*|[0-9]+)$/i.test(labels.at(-1) ?? '')
  );
}

function ipv4(value: string, good: boolean): boolean | string {
  if (good) return true;
  if (/^\[?[0-9a-fA-F]*:[0-9a-fA-F:.]*:/.test(value)) return 'IPv6 does not pass the chain yet.';
  return /(^|\.)0[0-9]+(\.|\/|:|$)/.test(value)
    ? 'Programs read numbers with leading zeros in different ways: leave the zeros out.'
    : false;
}

function pattern(expression: RegExp, description: string): z.ZodString {
  return z.string().regex(expression).meta({ description });
}

/** `check` says true for a good value, and false or a hint for a bad one. */
function text(description: string, check: (value: string) => boolean | string): z.ZodString {
  return z
    .string()
    .check(({ value, issues }) => {
      const outcome = check(value);
      if (outcome === true) return;
      issues.push({ code: 'custom', input: value, params: outcome === false ? {} : { hint: outcome } });
    })
    .meta({ description });
}
