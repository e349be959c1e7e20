// op-dbus init: writes a profile's state file, filled in as far as the options and --generate allow.

import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type Command, Option } from 'commander';
import { clientConfig, nextAddress } from '../core/init/client.ts';
import { type Generated, init, type Options, type Outcome } from '../core/init/init.ts';
import { type Profile, profiles } from '../core/init/profile.ts';
import type { WireguardState } from '../core/state/schema.ts';
import { warpMtu } from '../core/topology.ts';
import { lasting } from '../drivers/source.ts';
import { OpError } from '../error.ts';
import { publicKey, selfSigned, uuid, wireguardKeys, type WireguardKeys } from './generate.ts';
import { err, out } from './output.ts';

const unknownEndpoint = 'THIS_HOST';

/** As on the command line: `warp` and `certificate` are paths, `uuid` may be `new` or `@FILE`. */
type Flags = Options & {
  readonly profile: Profile;
  readonly output?: string;
  readonly generate?: boolean;
  readonly force?: boolean;
  readonly endpoint?: string;
};

export function initCommand(program: Command): void {
  program
    .command('init')
    .description("write a profile's state file to stdout, or to FILE with -o")
    .addOption(new Option('--profile <name>', 'which profile').choices([...profiles]).makeOptionMandatory())
    .option('-o, --output <file>', 'write the state to FILE (0600), and keys and certificates into files/ beside it')
    .option('--generate', 'make what can be made: keys, UUID, self-signed certificate, client.conf; needs -o')
    .option('--force', 'replace files that exist')
    .option('--vps <address>', "client: the VPS's address or name")
    .option('--uuid <id>', 'the UUID that client and VPS share; "new" makes one, @FILE reads it from a file')
    .option('--client-key <key>', "client: the WireGuard client's public key")
    .option('--warp <file>', 'client: the profile that wgcf wrote (wgcf-profile.conf)')
    .option('--certificate <file>', "client: the VPS's certificate to pin (PEM)")
    .option('--server-name <name>', "the name in the VPS's certificate")
    .option(
      '--shaping <mode>',
      'on-demand or constant: the leg to the VPS looks alike whatever goes over it; at both ends',
    )
    .option('--public-ip <address>', 'VPS: its address as seen from outside')
    .option('--endpoint <host>', 'client: where WireGuard clients reach this host, for the generated client.conf')
    .usage('--profile none|privacy-client|privacy-vps|agent [options]')
    .allowExcessArguments(false)
    .action(write);
}

async function write(flags: Flags): Promise<void> {
  if (flags.generate && flags.output === undefined)
    throw new OpError('usage', 'it writes keys beside the state file: name it with -o FILE', {
      at: '--generate',
    });
  const options = read(flags);
  const made = flags.generate ? await generate(flags.profile, options) : { parts: {}, client: null };
  const outcome = init(flags.profile, options, made.parts, lasting('schema/state.json'));
  const text = `${JSON.stringify(outcome.document, null, 2)}\n`;
  if (flags.output === undefined) {
    if (outcome.files.length > 0)
      throw new OpError('usage', 'keys and certificates go into files/ beside the state file: name it with -o FILE', {
        at: '-o',
      });
    out(text.trimEnd());
    return;
  }
  const folder = dirname(flags.output);
  const beside = outcome.files.map(({ container, path, content, secret }) => ({
    path: join(folder, 'files', container, path),
    content,
    mode: secret ? 0o600 : 0o644,
  }));
  const client = made.client === null ? [] : clientFile(folder, outcome, made.parts, made.client, flags);
  const all = [{ path: flags.output, content: text, mode: 0o600 }, ...beside, ...client];
  put(all, flags.force === true);
  for (const { path } of all) err(`wrote ${path}`);
  if (client.length > 0 && flags.endpoint === undefined)
    err(`note: in client.conf, put the address where clients reach this host in place of ${unknownEndpoint}`);
}

/** Values that are paths are read here; the rest is checked by `init`. */
function read(flags: Flags): Options {
  const id =
    flags.uuid === 'new'
      ? uuid()
      : flags.uuid?.startsWith('@')
        ? file(flags.uuid.slice(1), '--uuid').trim()
        : flags.uuid;
  return {
    ...pick('vps', flags.vps),
    ...pick('uuid', id),
    ...pick('clientKey', flags.clientKey),
    ...pick('publicIp', flags.publicIp),
    ...pick('serverName', flags.serverName),
    ...pick('shaping', flags.shaping),
    ...(flags.warp === undefined ? {} : { warp: file(flags.warp, '--warp') }),
    ...(flags.certificate === undefined ? {} : { certificate: file(flags.certificate, '--certificate') }),
  };
}

function pick<K extends string>(key: K, value: string | undefined): { [_ in K]?: string } {
  return value === undefined ? {} : ({ [key]: value } as { [_ in K]?: string });
}

function file(path: string, option: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    throw new OpError('usage', `${path}: can't be read`, { at: option, cause });
  }
}

type Made = { readonly parts: Generated; readonly client: WireguardKeys | null };

async function generate(profile: Profile, options: Options): Promise<Made> {
  const id = options.uuid === undefined && profile === 'privacy-vps' ? { uuid: uuid() } : {};
  if (profile === 'privacy-client') {
    const client = options.clientKey === undefined ? wireguardKeys() : null;
    const gateway = { privateKey: wireguardKeys().privateKey };
    return { parts: { ...id, gateway, ...(client && { client: { publicKey: client.publicKey } }) }, client };
  }
  if (profile !== 'privacy-vps') return { parts: {}, client: null };
  const names = [options.serverName, options.publicIp].filter((name) => name !== undefined);
  if (names.length === 0)
    throw new OpError('usage', 'a certificate needs a name', {
      at: '--generate',
      hint: 'Give --server-name NAME or --public-ip ADDRESS.',
    });
  return { parts: { ...id, certificate: await selfSigned(names) }, client: null };
}

/** client.conf, ready for wg-quick or a phone; without --endpoint its Endpoint is left for the user to fill in. */
function clientFile(
  folder: string,
  outcome: Outcome,
  parts: Generated,
  keys: WireguardKeys,
  flags: Flags,
): readonly Put[] {
  const configs = (outcome.document.plugins.lxc?.containers ?? []).flatMap(({ config }) => config ?? []);
  const wg0 = configs.find((config) => config.wg0 !== undefined)?.wg0;
  const warp = configs.find((config) => config['wg-quick'] !== undefined)?.['wg-quick'];
  if (wg0 === undefined || parts.gateway === undefined) return [];
  const config = clientConfig({
    privateKey: keys.privateKey,
    address: nextAddress(wg0 as Pick<WireguardState, 'address' | 'peers'>),
    serverKey: publicKey(parts.gateway.privateKey),
    host: flags.endpoint ?? unknownEndpoint,
    port: wg0.listen_port,
    mtu: warp?.mtu ?? warpMtu,
  });
  return [{ path: join(folder, 'client.conf'), content: config, mode: 0o600 }];
}

type Put = { readonly path: string; readonly content: string; readonly mode: number };

/** All or nothing is there before: an existing file stops it before the first is written. */
function put(files: readonly Put[], force: boolean): void {
  const there = files.filter(({ path }) => existsSync(path)).map(({ path }) => path);
  if (there.length > 0 && !force)
    throw new OpError('usage', `${there.join(', ')}: exists`, { hint: 'Move it away, or replace it with --force.' });
  for (const { path, content, mode } of files)
    try {
      mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
      writeFileSync(path, content, { mode });
      chmodSync(path, mode);
    } catch (cause) {
      throw new OpError('host', cause instanceof Error ? cause.message : String(cause), { at: path, cause });
    }
}
