// `op-dbus init`: a profile with its placeholders filled in, and the files that belong into its containers. Pure.

import { OpError } from '../../error.ts';
import { host, ip, key, uuid } from '../state/format.ts';
import type { Input } from '../state/schema.ts';
import { pinnedCertificate } from '../topology.ts';
import { plugins, type Profile } from './profile.ts';
import { parseWarp } from './wgcf.ts';

/** What the user says. Each belongs to certain profiles; where it has no place it is refused. */
export type Options = {
  /** The VPS's address or host name. */
  readonly vps?: string;
  /** Shared by client and VPS. */
  readonly uuid?: string;
  /** The WireGuard public key of the client. */
  readonly clientKey?: string;
  /** The text of wgcf-profile.conf. A secret is in it. */
  readonly warp?: string;
  /** The VPS's own address, as seen from outside. */
  readonly publicIp?: string;
  /** The name in the VPS's certificate. */
  readonly serverName?: string;
  /** How the leg between client and VPS is shaped; the same at both. */
  readonly shaping?: string;
  /** The VPS's certificate in PEM, for the client to pin. */
  readonly certificate?: string;
};

/** What `--generate` made; options go before it. Private keys are secrets. */
export type Generated = {
  readonly uuid?: string;
  /** The gateway's own key. */
  readonly gateway?: { readonly privateKey: string };
  readonly client?: { readonly publicKey: string };
  /** The VPS's certificate and its key, in PEM. */
  readonly certificate?: { readonly certificate: string; readonly key: string };
};

/** A file that goes into a container: `xray-server:/etc/xray/key.pem`. */
type File = {
  readonly container: string;
  readonly path: string;
  readonly content: string;
  readonly secret: boolean;
};

type Document = { readonly $schema: string; readonly version: 1; readonly plugins: Input };

export type Outcome = { readonly document: Document; readonly files: readonly File[] };

/**
 * The document that `init` prints, and the files beside it. Without options and generated parts `plugins` is the
 * profile, value for value; `$schema` is where editors find the JSON Schema; a placeholder for which there is nothing stays, and `apply` names it.
 * @throws OpError `usage` for a bad value, or an option that has no place in this profile.
 */
export function init(
  profile: Profile,
  options: Options = {},
  generated: Generated = {},
  $schema = 'schema/state.json',
): Outcome {
  check(profile, options);
  const words = { VPS_IP: options.vps, UUID: options.uuid ?? generated.uuid, VPS_PUBLIC_IP: options.publicIp };
  const key = options.clientKey ?? generated.client?.publicKey;
  const filled = substitute(plugins(profile), { ...words, CLIENT_PUBLIC_KEY: key }) as Input;
  const parts = (filled.lxc?.containers ?? []).map((container) => complete(container, options, generated));
  const containers = parts.map((part) => part.container);
  const plain = containers.length === 0 ? filled : { ...filled, lxc: { ...filled.lxc, containers } };
  return { document: { $schema, version: 1, plugins: plain }, files: parts.flatMap(({ files }) => files) };
}

type Container = NonNullable<NonNullable<Input['lxc']>['containers']>[number];
type Xray = NonNullable<NonNullable<Container['config']>['xray']>;

/** One container with what is no placeholder: WARP's settings, the pinned certificate, keys. */
function complete(
  container: Container,
  options: Options,
  generated: Generated,
): { readonly container: Container; readonly files: readonly File[] } {
  const config = container.config ?? {};
  const file = (path: string, content: string, secret: boolean): File => ({
    container: container.name,
    path,
    content,
    secret,
  });
  if (config['wg-quick'] !== undefined && options.warp !== undefined) {
    const { privateKey, publicKey, address, endpoint, mtu } = parseWarp(options.warp);
    const tunnel = {
      ...config['wg-quick'],
      address,
      endpoint,
      public_key: publicKey,
      ...(mtu === null ? {} : { mtu }),
    };
    const files = [file(tunnel.private_key_file, `${privateKey}\n`, true)];
    return { container: { ...container, config: { ...config, 'wg-quick': tunnel } }, files };
  }
  if (config.wg0 !== undefined && generated.gateway !== undefined)
    return { container, files: [file(config.wg0.private_key_file, `${generated.gateway.privateKey}\n`, true)] };
  const { xray } = config;
  if (xray?.outbound.protocol === 'vmess') {
    const named = options.serverName === undefined ? {} : { server_name: options.serverName };
    const pinned = options.certificate === undefined ? {} : { certificate_file: pinnedCertificate };
    const files = options.certificate === undefined ? [] : [file(pinnedCertificate, options.certificate, false)];
    const outbound = { ...xray.outbound, ...named, ...pinned };
    const whole = { ...xray, outbound, ...shaper(options) };
    return { container: { ...container, config: { ...config, xray: whole } }, files };
  }
  const pair = xray?.inbound.protocol === 'vmess' ? xray.inbound.streamSettings.tlsSettings.certificates[0] : undefined;
  if (pair === undefined) return { container, files: [] };
  const shaped = { ...container, config: { ...config, xray: { ...xray, ...shaper(options, usualWarp) } } } as Container;
  if (generated.certificate === undefined) return { container: shaped, files: [] };
  const { certificate, key } = generated.certificate;
  return { container: shaped, files: [file(pair.certificateFile, certificate, false), file(pair.keyFile, key, true)] };
}

/** Where WARP is for everybody. */
const usualWarp = { endpoint: 'engage.cloudflareclient.com:2408' };

/** Frames a second, written out so that they are seen where they must be the same: constant rates run day and night. */
const rates = { 'on-demand': { up: 600, down: 1200 }, constant: { up: 300, down: 600 } } as const;

function shaper({ shaping }: Options, more: { readonly endpoint?: string } = {}): Pick<Xray, 'shaper'> {
  return shaping === 'on-demand' || shaping === 'constant'
    ? { shaper: { mode: shaping, ...rates[shaping], ...more } }
    : {};
}

type Rule = {
  readonly flag: string;
  readonly for: readonly Profile[];
  readonly expected: string;
  readonly good: (value: string) => boolean;
};

const client: readonly Profile[] = ['privacy-client'];
const vps: readonly Profile[] = ['privacy-vps'];
const both: readonly Profile[] = ['privacy-client', 'privacy-vps'];

const rules: Readonly<Record<keyof Options, Rule>> = {
  vps: {
    flag: '--vps',
    for: client,
    expected: 'an IPv4 address or a host name',
    good: (value) => host.safeParse(value).success,
  },
  uuid: { flag: '--uuid', for: both, expected: 'a UUID, or new', good: (value) => uuid.safeParse(value).success },
  clientKey: {
    flag: '--client-key',
    for: client,
    expected: 'a WireGuard public key: 44 characters of base64, as wg pubkey prints it',
    good: (value) => key.safeParse(value).success,
  },
  warp: { flag: '--warp', for: client, expected: 'the profile that wgcf wrote', good: (value) => value.trim() !== '' },
  publicIp: {
    flag: '--public-ip',
    for: vps,
    expected: 'an IPv4 address',
    good: (value) => ip.safeParse(value).success,
  },
  /** For the VPS it is the name in the certificate that `--generate` makes. */
  serverName: {
    flag: '--server-name',
    for: both,
    expected: 'a host name or an IPv4 address',
    good: (value) => host.safeParse(value).success,
  },
  shaping: {
    flag: '--shaping',
    for: both,
    expected: 'on-demand or constant',
    good: (value) => Object.hasOwn(rates, value),
  },
  certificate: { flag: '--certificate', for: client, expected: 'a certificate in PEM', good: isCertificate },
};

function check(profile: Profile, options: Options): void {
  for (const name of Object.keys(rules) as (keyof Options)[]) {
    const value = options[name];
    const rule = rules[name];
    if (value === undefined) continue;
    if (!rule.for.includes(profile))
      throw new OpError('usage', `has no place in profile ${profile}`, {
        at: rule.flag,
        hint: `It belongs to ${rule.for.join(' and ')}.`,
      });
    if (!rule.good(value)) throw new OpError('usage', `expected ${rule.expected}`, { at: rule.flag });
  }
}

/** One certificate and nothing else: a key in the same file would end up where it is not guarded. */
function isCertificate(text: string): boolean {
  return /^\s*-----BEGIN CERTIFICATE-----\r?\n[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----\s*$/.test(text);
}

function substitute(value: unknown, words: Readonly<Record<string, string | undefined>>): unknown {
  if (typeof value === 'string') return words[value] ?? value;
  if (Array.isArray(value)) return value.map((item) => substitute(item, words));
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, substitute(item, words)]));
}
