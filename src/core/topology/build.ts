// State to topology: every number, name and address that the kinds expand from, worked out once. Pure.

import { isIPv4 } from 'node:net';
import { OpError } from '../../error.ts';
import { type Address, compareIps, networkOf, nthOf, parseAddress, showAddress } from '../address.ts';
import { meshPort } from '../netmaker.ts';
import { type Link, links, subnet } from '../state/link.ts';
import { parseEndpoint } from '../state/format.ts';
import type { ContainerState, State, WireguardState } from '../state/schema.ts';
import { ownFlows, policyFlows, targetsOf } from '../state/placed.ts';
import { isChain } from '../state/rule/chain.ts';
import type { Bridge, Discovered, Endpoint, Member, Meter, Published, Role, Topology } from '../topology.ts';
import { discover, type Newcomer } from './discover.ts';
import { userFlows } from './flow.ts';
import { bridgeMac, containerMac, portNumber } from './number.ts';
import { paddingOf } from './padding.ts';
import { type Route, routes } from './route.ts';

/** Host name → its addresses, in any order. */
export type Resolved = Readonly<Record<string, readonly string[]>>;

/** The host names that must be resolved before `topology`, sorted: WARP's endpoints and the proxy's server. */
export function endpoints(state: State): readonly string[] {
  const hosts = state.lxc.containers.flatMap(({ config }) => {
    const warp = config['wg-quick'] === undefined ? undefined : parseEndpoint(config['wg-quick'].endpoint)?.host;
    const server =
      config.xray === undefined || config.xray.outbound.protocol === 'freedom'
        ? undefined
        : config.xray.outbound.server;
    const shaped = config.xray?.shaper?.endpoint;
    const end = shaped === undefined ? undefined : parseEndpoint(shaped)?.host;
    return [warp, server, end].filter((host) => host !== undefined && !isIPv4(host)) as string[];
  });
  return [...new Set(hosts)].toSorted();
}

/**
 * What a state that `parse` accepted means. Of a name's addresses the smallest is taken, so that the order of a name
 * server's answers changes nothing. @throws OpError `host` when `resolved` lacks an IPv4 address of one of `endpoints`.
 */
export function topology(state: State, resolved: Resolved, found: readonly Discovered[] = []): Topology {
  const known = links(state);
  const bridges = bridgesOf(state);
  const { newcomers } = discover(state, bridges, found);
  const placed = [...ownFlows(state), ...policyFlows(state, [...targetsOf(known), ...newcomers])];
  const ways = routes(
    placed.filter(({ steers }) => steers),
    known,
  );
  const members = known
    .map((link) => member(link, state.lxc.containers[link.index] as ContainerState, { ways, bridges, resolved }))
    .toSorted((a, b) => a.id - b.id);
  const discovered = newcomers.map((one) => stranger(one, { ways, bridges }));
  return {
    level: state.openflow.obfuscation_level,
    securityFlows: state.openflow.enable_security_flows,
    padding: paddingOf(state),
    bridges,
    members,
    discovered,
    flows: userFlows(
      placed.filter(({ steers }) => !steers),
      [...members, ...discovered],
    ),
    meters: metersOf(state),
    published: members.flatMap(published),
    exits: members.filter(({ next }) => next === 'host').map(({ address, pin }) => ({ ip: address.ip, pin })),
    ...hostOf(state),
  };
}

/** What the file says of the host beside containers and switch. */
function hostOf({ systemd, dbus }: State): Pick<Topology, 'units' | 'properties'> {
  return {
    units: Object.entries(systemd.units).map(
      ([name, { enabled = null, active = null, masked = null, drop_ins = {} }]) => ({
        ...{ name, enabled, active, masked },
        dropIns: drop_ins,
      }),
    ),
    properties: dbus.objects.flatMap(({ destination, path, interface: of, properties }) =>
      Object.entries(properties).map(([property, value]) => ({ destination, path, interface: of, property, value })),
    ),
  };
}

/** The bridges of a state. */
export function bridgesOf(state: State): readonly Bridge[] {
  const known = { draft: state, links: links(state) };
  return state.openflow.bridges.map(({ name }, index) => ({
    ...buildBridge(state, name, index),
    chain: isChain(known, name),
  }));
}

function metersOf(state: State): readonly Meter[] {
  return state.openflow.bridges.flatMap(({ name, meters }) =>
    meters.map(({ burst = null, ...meter }) => ({ bridge: name, ...meter, burst })).toSorted(byName),
  );
}

function byName(a: { readonly name: string }, b: { readonly name: string }): number {
  return a.name < b.name ? -1 : Number(a.name > b.name);
}

/** Gives the bridge the first address of its members' subnet, unless the state gives it one; none without members. */
function buildBridge(state: State, name: string, index: number): Omit<Bridge, 'chain'> {
  const attached = state.lxc.containers.some(({ network }) => network.bridge === name);
  const own = state.openflow.bridges[index]?.address;
  const network = subnet(state, name);
  const first = network === null || !attached ? null : { ip: nthOf(network, 1) ?? network.ip, prefix: network.prefix };
  const address = own === undefined ? first : parseAddress(own);
  return {
    name,
    address,
    subnet: address === null ? null : showAddress(networkOf(address)),
    mac: bridgeMac(index),
  };
}

type Context = {
  readonly ways: ReadonlyMap<number, Route>;
  readonly bridges: readonly Bridge[];
  readonly resolved: Resolved;
};

function member(link: Link, container: ContainerState, { ways, bridges, resolved }: Context): Member {
  const { id, config, properties } = container;
  const netmaker = properties?.network_type === 'netmaker';
  const address = link.address as Address;
  const row = link.row as string;
  const device = link.device as string;
  const mode = link.mode ?? 'socket';
  const role = roleOf(container);
  const warp = config['wg-quick'];
  const outbound = config.xray?.outbound;
  const tunnel = warp === undefined ? null : resolve(parseEndpoint(warp.endpoint), resolved);
  const server =
    outbound === undefined || outbound.protocol === 'freedom'
      ? null
      : resolve({ host: outbound.server, port: outbound.port }, resolved);
  const shaper = config.xray?.shaper;
  const way = ways.get(id);
  return {
    id,
    name: container.name,
    template: properties?.template ?? container.template ?? 'debian-12',
    autostart: container.autostart,
    role,
    bridge: container.network.bridge,
    mode,
    port: { row, device, ofport: portNumber(id) },
    device: mode === 'veth' ? 'eth0' : device,
    mac: containerMac(id),
    address,
    gateway: bridges.find(({ name }) => name === container.network.bridge)?.address?.ip ?? '',
    ...(way ?? (netmaker ? leaves : nowhere)),
    pin: pin(role, tunnel, server),
    netmaker,
    discovered: false,
    wireguard: wireguardOf(container),
    warp: warp === undefined || tunnel === null ? null : { ...warp, resolved: tunnel },
    xray: config.xray === undefined ? null : { ...config.xray, resolved: server },
    shaper: shaper === undefined ? null : { ...shaper, warp: resolve(parseEndpoint(shaper.endpoint ?? ''), resolved) },
  };
}

const nowhere: Route = { next: null, order: 0, policy: null, overridden: [] };

/** The mesh's own packets leave unless a policy says otherwise: what no flow of the file takes before. */
const leaves: Route = {
  next: 'host',
  order: 0,
  policy: { name: 'netmaker', table: 19, priority: 1, cookie: null, place: 'properties.network_type' },
  overridden: [],
};

/** Nothing but its flows is ours, so what it runs doesn't matter. */
function stranger(one: Newcomer, { ways, bridges }: Omit<Context, 'resolved'>): Member {
  const { id, name, bridge, row, device, ofport, mac, ip, prefix } = one;
  return {
    id,
    name,
    template: '',
    autostart: false,
    role: 'plain',
    bridge,
    mode: device.startsWith('veth') ? 'veth' : 'socket',
    port: { row, device, ofport },
    device,
    mac,
    address: { ip, prefix },
    gateway: bridges.find((each) => each.name === bridge)?.address?.ip ?? '',
    ...(ways.get(id) ?? nowhere),
    pin: null,
    netmaker: false,
    discovered: true,
    wireguard: {},
    warp: null,
    xray: null,
    shaper: null,
  };
}

function pin(role: Role, tunnel: Endpoint | null, server: Endpoint | null): Member['pin'] {
  if (role === 'warp' && tunnel !== null) return { protocol: 'udp', to: tunnel };
  return role === 'proxy-client' && server !== null ? { protocol: 'tcp', to: server } : null;
}

function roleOf(container: ContainerState): Role {
  const { xray, 'wg-quick': warp } = container.config;
  if (Object.keys(wireguardOf(container)).length > 0) return 'gateway';
  if (warp !== undefined) return 'warp';
  if (xray === undefined) return 'plain';
  if (xray.outbound.protocol !== 'freedom') return 'proxy-client';
  return xray.inbound.protocol === 'socks' ? 'plain' : 'proxy-server';
}

function wireguardOf({ config }: ContainerState): Readonly<Record<string, WireguardState>> {
  const interfaces = Object.entries(config).filter(([name, value]) => /^wg[0-9]$/.test(name) && value !== undefined);
  return Object.fromEntries(interfaces) as Record<string, WireguardState>;
}

function published({ id, wireguard, role, xray, address, netmaker }: Member): readonly Published[] {
  const to = address.ip;
  const listening = Object.values(wireguard).map(({ listen_port: port, listen_from: from }) => {
    return { protocol: 'udp' as const, port, to, from };
  });
  const server = role === 'proxy-server' && xray !== null ? [xray.inbound.port] : [];
  return [
    ...listening,
    ...server.map((port) => ({ protocol: 'tcp', port, to, from: 'anywhere' }) as const),
    ...(netmaker ? [{ protocol: 'udp', port: meshPort(id), to, from: 'anywhere' } as const] : []),
  ];
}

function resolve(
  endpoint: { readonly host: string; readonly port: number } | null,
  resolved: Resolved,
): Endpoint | null {
  if (endpoint === null) return null;
  const { host, port } = endpoint;
  if (isIPv4(host)) return { ip: host, port };
  const known = Object.hasOwn(resolved, host) ? (resolved[host] ?? []) : [];
  const ip = known.filter((each) => isIPv4(each)).toSorted(compareIps)[0];
  if (ip !== undefined) return { ip, port };
  throw new OpError('host', `no IPv4 address is known for ${host}`, {
    at: host,
    hint: 'Check the name and the name server of this host (getent ahostsv4 NAME), or write the address in the state.',
  });
}
