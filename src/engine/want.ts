// What the state file asks for, on this machine: names resolved, files read, every kind's wanted resources.

import type { Resource } from '../core/resource.ts';
import { fingerprint } from '../core/secret.ts';
import type { State } from '../core/state/schema.ts';
import { endpoints, topology } from '../core/topology/build.ts';
import type { Facts, Member, Topology } from '../core/topology.ts';
import type { Host } from '../drivers/host.ts';
import type { Resolved } from './applied.ts';
import { readContents } from './content.ts';
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
  const names = endpoints(state);
  const asked = names.filter((name) => known[name] === undefined);
  const resolved = { ...pick(known, names), ...(await resolve(host, asked)) };
  const built = topology(state, resolved);
  for (const id of identities(built.members)) host.secrets.remember(fingerprint(id), id);
  const facts = await gather(host, built, filesFolder);
  return {
    topology: built,
    facts,
    resolved,
    resources: kinds.flatMap((kind) => kind.expand(built, facts)),
    notes: [...asked.map(clear), ...notes(built)],
  };
}

async function resolve(host: Host, names: readonly string[]): Promise<Resolved> {
  const found = await Promise.allSettled(names.map(async (name) => [name, await host.machine.resolve(name)] as const));
  const failed = found.flatMap((result) => (result.status === 'rejected' ? [result.reason as unknown] : []));
  if (failed.length > 0) throw new AggregateError(failed);
  return Object.fromEntries(found.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : [])));
}

async function gather(host: Host, built: Topology, filesFolder: string): Promise<Facts> {
  const [uplink, forwards, datapath, nameservers, xray, files] = await Promise.all([
    host.net.uplink(),
    forwarded(host),
    host.machine.datapath(),
    host.machine.nameservers(),
    host.machine.program('xray'),
    readContents(host, built, filesFolder),
  ]);
  const proxy: Facts['proxy'] = xray === null ? { program: 'v2ray' } : { program: 'xray', path: xray };
  return { uplink, forwards, datapath, nameservers, proxy, files };
}

async function forwarded(host: Host): Promise<boolean> {
  return (await before(host, 'net.ipv4.ip_forward')) === '1';
}

function pick(known: Resolved, names: readonly string[]): Resolved {
  return Object.fromEntries(names.flatMap((name) => (known[name] === undefined ? [] : [[name, known[name]] as const])));
}

function clear(name: string): string {
  return `${name} was asked for of this host's own resolver, in clear; apply keeps the answer (--resolve asks anew).`;
}

function notes({ members }: Topology): readonly string[] {
  return members.flatMap(({ name, warp }) =>
    warp?.post_up === undefined
      ? []
      : [
          `post_up of ${name} is left out: a WireGuard device is layer 3 and can be no switch port; the port is made by us.`,
        ],
  );
}

/** Credentials in the state itself. */
function identities(members: readonly Member[]): readonly string[] {
  return members.flatMap(({ xray }) => [
    ...(xray?.outbound.protocol === 'vmess' ? [xray.outbound.id] : []),
    ...(xray?.inbound.protocol === 'vmess' ? xray.inbound.settings.clients.map(({ id }) => id) : []),
  ]);
}
