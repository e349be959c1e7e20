// What the state file asks for, on this machine: names resolved, files read, every kind's wanted resources.

import { createHash, X509Certificate } from 'node:crypto';
import { join } from 'node:path';
import type { Resource } from '../core/resource.ts';
import { fingerprint } from '../core/secret.ts';
import type { State } from '../core/state/schema.ts';
import { endpoints, topology } from '../core/topology/build.ts';
import type { Facts, FileFact, Member, Topology } from '../core/topology.ts';
import type { Host } from '../drivers/host.ts';
import { OpError } from '../error.ts';
import { kinds } from '../kinds/index.ts';
import { before } from '../kinds/sysctl/observe.ts';

export type Wanted = {
  readonly topology: Topology;
  readonly facts: Facts;
  /** In the order of the kinds. */
  readonly resources: readonly Resource[];
};

/**
 * Reads only. `filesFolder` mirrors the containers' trees: `<folder>/<container>/etc/wireguard/private.key`.
 * @throws AggregateError of OpErrors: every name that has no address, every file that is missing.
 */
export async function want(host: Host, state: State, filesFolder: string): Promise<Wanted> {
  const resolved = await resolve(host, endpoints(state));
  const built = topology(state, resolved);
  for (const id of identities(built.members)) host.secrets.remember(fingerprint(id), id);
  const facts = await gather(host, built, resolved, filesFolder);
  return { topology: built, facts, resources: kinds.flatMap((kind) => kind.expand(built, facts)) };
}

async function resolve(host: Host, names: readonly string[]): Promise<Readonly<Record<string, readonly string[]>>> {
  const found = await Promise.allSettled(names.map(async (name) => [name, await host.machine.resolve(name)] as const));
  const failed = found.flatMap((result) => (result.status === 'rejected' ? [result.reason as unknown] : []));
  if (failed.length > 0) throw new AggregateError(failed);
  return Object.fromEntries(found.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : [])));
}

async function gather(
  host: Host,
  built: Topology,
  resolved: Readonly<Record<string, readonly string[]>>,
  filesFolder: string,
): Promise<Facts> {
  const [uplink, forwards, datapath, nameservers, xray, files] = await Promise.all([
    host.net.uplink(),
    forwarded(host),
    host.machine.datapath(),
    host.machine.nameservers(),
    host.machine.program('xray'),
    readFiles(host, built, filesFolder),
  ]);
  const proxy: Facts['proxy'] = xray === null ? { program: 'v2ray' } : { program: 'xray', path: xray };
  const first = Object.entries(resolved).map(([name, addresses]) => [name, addresses[0] ?? ''] as const);
  return { uplink, forwards, datapath, backend: 'lxc', nameservers, proxy, resolved: Object.fromEntries(first), files };
}

async function forwarded(host: Host): Promise<boolean> {
  return (await before(host, 'net.ipv4.ip_forward')) === '1';
}

type Needed = { readonly container: string; readonly path: string; readonly required: boolean; readonly hint: string };

async function readFiles(host: Host, built: Topology, folder: string): Promise<Readonly<Record<string, FileFact>>> {
  const needed = built.members.flatMap(needs);
  const contents = await Promise.all(
    needed.map(({ container, path }) => host.files.read(join(folder, container, path))),
  );
  const missing = needed.flatMap(({ container, path, required, hint }, index) =>
    contents[index] === null && required
      ? [new OpError('host', `missing; ${container} needs it as ${path}`, { at: join(folder, container, path), hint })]
      : [],
  );
  if (missing.length > 0) throw new AggregateError(missing);
  return Object.fromEntries(
    needed.flatMap(({ container, path }, index) => {
      const text = contents[index]?.trim();
      if (text === undefined) return [];
      host.secrets.remember(fingerprint(text), text);
      return [[`${container}:${path}`, { fingerprint: fingerprint(text), certificate: certificate(text) }] as const];
    }),
  );
}

function needs(member: Member): readonly Needed[] {
  const need = (path: string, hint: string, required = true): Needed => ({
    container: member.name,
    path,
    required,
    hint,
  });
  const key = 'Make one with `wg genkey` (mode 0600), or let `op-dbus init --generate` make it.';
  const { xray } = member;
  const certificates = xray?.inbound.protocol === 'vmess' ? xray.inbound.streamSettings.tlsSettings.certificates : [];
  const out = xray?.outbound.protocol === 'vmess' ? xray.outbound : null;
  const pinned = out?.certificate_file ?? '/etc/xray/vps.pem';
  const byName = out !== null && (out.server_name !== undefined || out.server !== xray?.resolved?.ip);
  return [
    ...Object.values(member.wireguard).flatMap((wg) => [
      need(wg.private_key_file, key),
      ...wg.peers.flatMap(({ preshared_key_file: path }) => (path ? [need(path, 'Make one with `wg genpsk`.')] : [])),
    ]),
    ...(member.warp
      ? [need(member.warp.private_key_file, 'Take it from a wgcf profile: `op-dbus init --warp wgcf-profile.conf`.')]
      : []),
    ...certificates.flatMap(({ certificateFile, keyFile }) =>
      [certificateFile, keyFile].map((path) =>
        need(
          path,
          'Put your certificate and key there (PEM), or let `op-dbus init --generate` make a self-signed pair.',
        ),
      ),
    ),
    ...(out
      ? [
          need(
            pinned,
            "Nothing else can prove that the server is yours: put the VPS's certificate (PEM) there, or give `server_name`, a name with a public certificate.",
            out.certificate_file !== undefined || !byName,
          ),
        ]
      : []),
  ];
}

/** Credentials in the state itself. */
function identities(members: readonly Member[]): readonly string[] {
  return members.flatMap(({ xray }) => [
    ...(xray?.outbound.protocol === 'vmess' ? [xray.outbound.id] : []),
    ...(xray?.inbound.protocol === 'vmess' ? xray.inbound.settings.clients.map(({ id }) => id) : []),
  ]);
}

function certificate(text: string): string | null {
  if (!text.startsWith('-----BEGIN CERTIFICATE-----')) return null;
  try {
    return createHash('sha256').update(new X509Certificate(text).raw).digest('hex');
  } catch {
    return null;
  }
}
