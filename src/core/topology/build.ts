// State to topology: every number, name and address that the kinds expand from, worked out once. Pure.

import { isIPv4 } from 'node:net';
import { OpError } from '../../error.ts';
import { type Address, compareIps, networkOf, nthOf, parseAddress, showAddress } from '../address.ts';
import { type Link, links, subnet } from '../state/link.ts';
import { parseEndpoint } from '../state/format.ts';
import type { ContainerState, State, WireguardState } from '../state/schema.ts';
import type { Bridge, Endpoint, Member, Published, Role, Topology } from '../topology.ts';
import { userFlows } from './flow.ts';
import { bridgeMac, containerMac, portNumber } from './number.ts';
import { type Route, routes } from './route.ts';

/** Host name → its addresses, in any order. */
export type Resolved = Readonly<Record<string, readonly string[]>>;

/** The host names that must be resolved before `topology`, sorted: WARP's endpoint and the proxy's server. */
export function endpoints(state: State): readonly string[] {
  const hosts = state.lxc.containers.flatMap(({ config }) => {
    const warp = config['wg-quick'] === undefined ? undefined : parseEndpoint(config['wg-quick'].endpoint)?.host;
    const server = config.xray?.outbound.protocol === 'vmess' ? config.xray.outbound.server : undefined;
    return [warp, server].filter((host) => host !== undefined && !isIPv4(host)) as string[];
  });
  return [...new Set(hosts)].toSorted();
}

/**
 * What a state that `parse` accepted means. Of a name's addresses the smallest is taken, so that the order of a name
 * server's answers changes nothing. @throws OpError `host` when `resolved` lacks an IPv4 address of one of `endpoints`.
 */
export function topology(state: State, resolved: Resolved): Topology {
  const found = links(state);
  const ways = routes(state, found);
  const bridges = state.openflow.bridges.map((bridge, index) => buildBridge(state, bridge.name, index));
  const members = found
    .map((link) => member(link, state.lxc.containers[link.index] as ContainerState, { ways, bridges, resolved }))
    .toSorted((a, b) => a.id - b.id);
  return {
    level: state.openflow.obfuscation_level,
    securityFlows: state.openflow.enable_security_flows,
    bridges: bridges.map((bridge) => ({
      ...bridge,
      chain: steers(members.filter((each) => each.bridge === bridge.name)),
    })),
    members,
    flows: userFlows(state, members),
    published: members.flatMap(published),
    exits: members.filter(({ next }) => next === 'host').map(({ address, pin }) => ({ ip: address.ip, pin })),
  };
}

/** Gives the bridge the first address of its members' subnet, unless the state gives it one; none without members. */
function buildBridge(state: State, name: string, index: number): Bridge {
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
    chain: false,
  };
}

function steers(members: readonly Member[]): boolean {
  return members.some(({ next, role }) => typeof next === 'number' || role !== 'plain');
}

type Context = {
  readonly ways: ReadonlyMap<number, Route>;
  readonly bridges: readonly Bridge[];
  readonly resolved: Resolved;
};

function member(link: Link, container: ContainerState, { ways, bridges, resolved }: Context): Member {
  const { id, config, properties } = container;
  const address = link.address as Address;
  const row = link.row as string;
  const device = link.device as string;
  const mode = link.mode ?? 'socket';
  const role = roleOf(container);
  const warp = config['wg-quick'];
  const outbound = config.xray?.outbound;
  const tunnel = warp === undefined ? null : resolve(parseEndpoint(warp.endpoint), resolved);
  const server =
    outbound?.protocol === 'vmess' ? resolve({ host: outbound.server, port: outbound.port }, resolved) : null;
  const way = ways.get(id);
  return {
    id,
    name: container.name,
    template: container.template ?? properties?.template ?? 'debian-12',
    autostart: container.autostart,
    role,
    bridge: container.network.bridge,
    mode,
    port: { row, device, ofport: portNumber(id) },
    device: mode === 'veth' ? 'eth0' : device,
    mac: containerMac(id),
    address,
    gateway: bridges.find(({ name }) => name === container.network.bridge)?.address?.ip ?? '',
    next: way?.next ?? null,
    order: way?.order ?? 0,
    pin: pin(role, tunnel, server),
    policy: way?.policy ?? null,
    wireguard: wireguardOf(container),
    warp: warp === undefined || tunnel === null ? null : { ...warp, resolved: tunnel },
    xray: config.xray === undefined ? null : { ...config.xray, resolved: server },
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
  if (xray?.outbound.protocol === 'vmess') return 'proxy-client';
  return xray?.inbound.protocol === 'vmess' ? 'proxy-server' : 'plain';
}

function wireguardOf({ config }: ContainerState): Readonly<Record<string, WireguardState>> {
  const interfaces = Object.entries(config).filter(([name, value]) => /^wg[0-9]$/.test(name) && value !== undefined);
  return Object.fromEntries(interfaces) as Record<string, WireguardState>;
}

function published({ wireguard, role, xray, address }: Member): readonly Published[] {
  const to = address.ip;
  const listening = Object.values(wireguard).map(({ listen_port: port, listen_from: from }) => {
    return { protocol: 'udp' as const, port, to, from };
  });
  return role === 'proxy-server' && xray !== null
    ? [...listening, { protocol: 'tcp', port: xray.inbound.port, to, from: 'anywhere' }]
    : listening;
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
