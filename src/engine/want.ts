// What the state file asks for, on this machine: names resolved, files read, every kind's wanted resources.

import type { Resource } from '../core/resource.ts';
import { fingerprint } from '../core/secret.ts';
import { profileOf } from '../core/state/complete.ts';
import { links } from '../core/state/link.ts';
import type { State } from '../core/state/schema.ts';
import { bridgesOf, endpoints, topology } from '../core/topology/build.ts';
import { pads } from '../core/topology/padding.ts';
import { onProxmox, proxmoxNotes, proxmoxPort } from '../core/topology/proxmox.ts';
import { discover } from '../core/topology/discover.ts';
import type { Discovered, Facts, Member, Topology } from '../core/topology.ts';
import type { Host } from '../drivers/host.ts';
import { OpError } from '../error.ts';
import { MARK, type PortRow } from '../drivers/ovsdb/contract.ts';
import { ensureAble } from './ability.ts';
import type { Resolved } from './applied.ts';
import { readContents } from './content.ts';
import { readNetmaker } from './netmaker.ts';
import { findShaper } from './shaper.ts';
import { before } from '../kinds/sysctl/observe.ts';
import { kinds } from '../kinds/index.ts';

export type Wanted = {
  readonly topology: Topology;
  readonly facts: Facts;
  /** In the order of the kinds. */
  readonly resources: readonly Resource[];
  /** Every host name that the state uses as an endpoint, with its addresses. */
  readonly resolved: Resolved;
  /** What the file asks for and does not get, with the reason; each a sentence. */
  readonly notes: readonly string[];
};

/**
 * Reads only; names that are `known` are not asked for. `filesFolder` mirrors the containers' trees: `<folder>/<container>/etc/wireguard/private.key`.
 * @throws AggregateError of OpErrors: every name that has no address, every file that is missing.
 */
export async function want(host: Host, state: State, filesFolder: string, known: Resolved = {}): Promise<Wanted> {
  if (pads(state)) await canPad(host);
  const names = endpoints(state);
  const asked = names.filter((name) => known[name] === undefined);
  const resolved = { ...pick(known, names), ...(await resolve(host, asked)) };
  const found = await discovered(host, state);
  const proxmox = host.containers.backend === 'pct';
  const inFile = topology(state, resolved, found);
  const built = proxmox ? onProxmox(inFile) : inFile;
  for (const id of identities(built.members)) host.secrets.remember(fingerprint(id), id);
  const facts = await gather(host, built, filesFolder);
  return {
    topology: built,
    facts,
    resolved,
    resources: kinds.flatMap((kind) => kind.expand(built, facts)),
    notes: [
      ...asked.map(clear),
      ...notes(built),
      ...(proxmox ? proxmoxNotes(inFile) : []),
      ...discover(state, bridgesOf(state), found).notes,
    ],
  };
}

/** @throws OpError `host` when the machine can't do what levels 2 and 3 promise: that less will do is for the file to say. */
async function canPad({ machine }: Host): Promise<void> {
  const { result, detail } = await machine.attempt('clsact');
  if (result !== 'fails') return;
  throw new OpError('host', `this machine can't lengthen packets inside WireGuard: ${detail}`, {
    at: 'openflow.obfuscation_level',
    hint: 'sudo op-dbus doctor says what mends it. Or let less do: "obfuscation": {"padding": false} in openflow.',
  });
}

/** The host whose resolver is not asked: the question would go out in clear. `why` follows what is said instead. */
export function silent(host: Host, why = ''): Host {
  const resolve = async (name: string): Promise<never> => {
    throw new OpError('host', `no address of ${name} was kept by apply${why}`);
  };
  return { ...host, machine: { ...host.machine, resolve } };
}

async function resolve(host: Host, names: readonly string[]): Promise<Resolved> {
  const found = await Promise.allSettled(names.map(async (name) => [name, await host.machine.resolve(name)] as const));
  const failed = found.flatMap((result) => (result.status === 'rejected' ? [result.reason as unknown] : []));
  if (failed.length > 0) throw new AggregateError(failed);
  return Object.fromEntries(found.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : [])));
}

async function gather(host: Host, built: Topology, filesFolder: string): Promise<Facts> {
  const [uplink, forwards, datapath, nameservers, xray, netmaker, shaper, strangers, files] = await Promise.all([
    host.net.uplink(),
    forwarded(host),
    host.machine.datapath(),
    host.machine.nameservers(),
    host.machine.program('xray'),
    readNetmaker(host, built),
    findShaper(host, built),
    host.containers.strangers(),
    readContents(host, built, filesFolder),
  ]);
  const proxy: Facts['proxy'] = xray === null ? { program: 'v2ray' } : { program: 'xray', path: xray };
  await ensureAble(host.exec, proxy, built.members);
  const { backend } = host.containers;
  return { uplink, forwards, datapath, nameservers, proxy, netmaker, shaper, backend, strangers, files };
}

async function forwarded(host: Host): Promise<boolean> {
  return (await before(host, 'net.ipv4.ip_forward')) === '1';
}

/** With auto-discovery, the ports of the state's bridges that are nobody's: neither marked by us nor in the file. */
async function discovered(host: Host, state: State): Promise<readonly Discovered[]> {
  if (!state.openflow.auto_discover_containers) return [];
  const names = state.openflow.bridges.map(({ name }) => name);
  const own = new Set([
    ...names,
    ...links(state).flatMap(({ id, row, device }) => [row, device, ...(id === null ? [] : [proxmoxPort(id)])]),
  ]);
  const rows = (await host.ovsdb.bridges()).filter(({ name }) => names.includes(name));
  return rows.flatMap((bridge) =>
    bridge.ports.flatMap(({ name, externalIds, interface: row }) => {
      const { ofport } = row;
      if (externalIds[MARK] !== undefined || [name, row.name].some((each) => own.has(each))) return [];
      if (ofport === null || ofport <= 0) return [];
      return [{ bridge: bridge.name, port: name, device: row.name, ofport, mac: macOf(row) }];
    }),
  );
}

/** What a container behind the port sends from. The MAC of a veth's end on the bridge is not that of its other end. */
function macOf({ type, mac, macInUse, externalIds }: PortRow['interface']): string | null {
  const own = type === 'internal' ? (mac ?? macInUse) : null;
  return (own ?? externalIds['attached-mac'] ?? null)?.toLowerCase() ?? null;
}

function pick(known: Resolved, names: readonly string[]): Resolved {
  return Object.fromEntries(names.flatMap((name) => (known[name] === undefined ? [] : [[name, known[name]] as const])));
}

function clear(name: string): string {
  return `${name} was asked for of this host's own resolver, in clear; apply keeps the answer (--resolve asks anew).`;
}

function notes({ members }: Topology): readonly string[] {
  const jobless = members.flatMap(({ id, name, role }) => {
    const profile = role === 'plain' ? profileOf(id, name) : null;
    if (profile === null) return [];
    const how = `"container_profile": "${profile}" and its config make it that of the profile.`;
    return [`${name} (${id}) is a plain container, for the file says nothing of what it does: ${how}`];
  });
  const told = members.flatMap(({ name, warp }) =>
    warp?.post_up === undefined
      ? []
      : [
          `post_up of ${name} is left out: a WireGuard device is layer 3 and can be no switch port; the port is made by us.`,
        ],
  );
  return [...jobless, ...told];
}

/** Credentials in the state itself. */
function identities(members: readonly Member[]): readonly string[] {
  return members.flatMap(({ xray }) => [
    ...(xray === null || xray.outbound.protocol === 'freedom' ? [] : [xray.outbound.id]),
    ...(xray === null || xray.inbound.protocol === 'socks' ? [] : xray.inbound.settings.clients.map(({ id }) => id)),
    ...(xray === null ? [] : shortIds(xray)),
  ]);
}

/** A REALITY server answers as a proxy to who knows one of them and its public key. */
function shortIds({ inbound, outbound }: NonNullable<Member['xray']>): readonly string[] {
  const far = outbound.protocol === 'vless' && outbound.reality !== undefined ? [outbound.reality.short_id] : [];
  if (inbound.protocol !== 'vless' || inbound.streamSettings.security !== 'reality') return far;
  return [...far, ...inbound.streamSettings.realitySettings.shortIds];
}
