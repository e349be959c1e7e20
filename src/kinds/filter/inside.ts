// The tables inside containers, by role: each shut from before its first packet (datapath.md, promises 1, 3, 5, 6).

import { compareIps, networkOf } from '../../core/address.ts';
import { clientSizes, udpLengths, warpSizes } from '../../core/topology/padding.ts';
import { type Member, shaperUser, type Topology, warpInlet, warpMtu, warpPort } from '../../core/topology.ts';
import { filter, nat, replies, show, sources, table } from './text.ts';

/** The member's table; null for a container that is none of the chain's business. */
export function insideTable(topology: Topology, member: Member): string | null {
  if (member.role === 'gateway') return gateway(topology, member);
  if (member.role === 'warp') return warp(topology, member);
  if (member.role === 'proxy-client') return proxyClient(topology, member);
  if (member.role === 'proxy-server') return proxyServer(member);
  return null;
}

/**
 * Clients' decrypted packets go from their WireGuard interface to the bridge, and nothing goes against that direction
 * but replies. WireGuard itself only answers: whatever the container starts of its own stays inside.
 */
function gateway(topology: Topology, member: Member): string {
  const out = member.device;
  const subnet = show(networkOf(member.address));
  const interfaces = Object.entries(member.wireguard)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, state]) => ({
      name,
      port: state.listen_port,
      clients: sources(state.peers.flatMap((peer) => peer.allowed_ips)),
    }));
  const clients = sources(
    Object.values(member.wireguard).flatMap(({ peers }) => peers.flatMap((peer) => peer.allowed_ips)),
  );
  return table([
    ...nat(
      'postrouting',
      clients.flatMap((from) => [
        `oifname "${out}" ${from}meta l4proto { tcp, udp } masquerade to :${range(interfaces)}`,
        `oifname "${out}" ${from}masquerade`,
      ]),
    ),
    filter('input', 'drop', [
      ...local('iifname'),
      ...interfaces.map(({ port }) => `iifname "${out}" udp dport ${port} accept`),
      echo(out),
      ...interfaces.flatMap(({ name, clients }) =>
        clients.map((from) => `iifname "${name}" ${from}icmp type echo-request accept`),
      ),
    ]),
    filter('forward', 'drop', [
      'meta nfproto ipv6 drop',
      'tcp flags syn tcp option maxseg size set rt mtu',
      inPieces,
      ...interfaces.flatMap(({ name, clients }) => [
        ...clients.map((from) => `iifname "${name}" oifname "${out}" ${from}ip daddr != ${subnet} accept`),
        ...replies.map((rule) => `iifname "${out}" oifname "${name}" ${rule}`),
      ]),
    ]),
    filter('output', 'drop', [
      ...Object.values(member.wireguard).flatMap((state) => {
        const sizes = clientSizes(topology, state);
        return sizes.length === 0
          ? []
          : [`oifname "${out}" udp sport ${state.listen_port} ${padded(sizes, '!= ')}drop`];
      }),
      ...local('oifname'),
      ...ping(topology, member),
    ]),
  ]);
}

/**
 * Only what is lengthened, and what is no data: a packet that was missed, as on a device that was just made anew, ends here.
 * Empty where nothing is lengthened.
 */
function padded(sizes: readonly number[], not: '' | '!= ' = ''): string {
  return sizes.length === 0 ? '' : `udp length ${not}{ ${udpLengths(sizes).join(', ')} } `;
}

/**
 * The ports that clients' packets leave from: without WireGuard's own. A client's packet from port 51820 would else look
 * to the switch like an answer of WireGuard, and leave the host in clear towards whoever had just sent there.
 */
function range(interfaces: readonly { readonly port: number }[]): string {
  const ports = interfaces.map(({ port }) => port);
  const [low, high] = [Math.min(...ports), Math.max(...ports)];
  return low - 1024 > 65535 - high ? `1024-${low - 1}` : `${high + 1}-65535`;
}

/**
 * A datagram that is larger than a tunnel's MTU crosses the switch in pieces. Its userspace datapath puts 32 of them
 * together again, of 1,200 bytes at least, and forgets those of more: its sender is told, instead of waiting for ever.
 */
const inPieces = `meta l4proto != tcp ip length > ${32 * 1176 + 20} reject with icmp admin-prohibited`;

/** An IPv4 and a TCP header without options. */
const headers = 40;

/** From the bridge into WARP and back; by the bridge only WARP's own packets leave, to WARP's endpoint. */
function warp(topology: Topology, member: Member): string {
  const out = member.device;
  const inner = member.warp?.interface ?? null;
  const endpoint = member.warp?.resolved ?? null;
  const through = (rules: readonly string[]): readonly string[] => (inner === null ? [] : rules);
  return table([
    ...nat('postrouting', through([`oifname "${inner}" masquerade`])),
    filter('input', 'drop', [...local('iifname'), echo(out)]),
    filter('forward', 'drop', [
      'meta nfproto ipv6 drop',
      // A number, not `rt mtu`: the route back is another table's, and a server's segments would come uncut.
      `tcp flags syn tcp option maxseg size set ${(member.warp?.mtu ?? warpMtu) - headers}`,
      inPieces,
      ...through([
        `iifname "${out}" oifname "${inner}" accept`,
        ...replies.map((rule) => `iifname "${inner}" oifname "${out}" ${rule}`),
      ]),
    ]),
    filter('output', 'drop', [
      ...local('oifname'),
      ...through([`oifname "${inner}" accept`]),
      ...(endpoint === null
        ? []
        : [
            `oifname "${out}" ip daddr ${endpoint.ip} udp dport ${endpoint.port} ${padded(warpSizes(topology, member))}accept`,
          ]),
      ...ping(topology, member),
    ]),
  ]);
}

/** WARP's packets are taken in by a rewrite, SOCKS from the host alone; out goes the connection to the VPS alone. Past the shaper goes nothing. */
function proxyClient(topology: Topology, member: Member): string {
  const out = member.device;
  const senders = before(topology, member).filter(({ pin }) => pin?.protocol === 'udp');
  const socks = member.xray?.inbound.protocol === 'socks' ? member.xray.inbound.port : null;
  return table([
    ...nat(
      'prerouting',
      senders.map(({ address, pin }) => {
        const to = `ip daddr ${pin?.to.ip} udp dport ${pin?.to.port}`;
        return `iifname "${out}" ip saddr ${address.ip} ${to} redirect to :${warpPort}`;
      }),
    ),
    filter('input', 'drop', [
      ...local('iifname'),
      ...senders.map(
        ({ address }) => `iifname "${out}" ip saddr ${address.ip} udp dport ${warpPort} ct status dnat accept`,
      ),
      ...(socks === null ? [] : [`iifname "${out}" ip saddr ${member.gateway} tcp dport ${socks} accept`]),
      echo(out),
    ]),
    filter('forward', 'drop', []),
    filter('output', 'drop', [
      ...(member.shaper === null ? [] : [`oifname "lo" udp dport ${warpInlet} meta skuid != ${shaperUser.uid} drop`]),
      ...local('oifname'),
      ...(member.pin === null
        ? []
        : [`oifname "${out}" ip daddr ${member.pin.to.ip} ${member.pin.protocol} dport ${member.pin.to.port} accept`]),
      ...ping(topology, member),
    ]),
  ]);
}

/** The VPS's end: its port in, the Internet out, its neighbours and the host not; of the shaper to WARP alone. */
function proxyServer(member: Member): string {
  const out = member.device;
  const port = member.xray?.inbound.port ?? null;
  const warp = member.shaper?.warp ?? null;
  return table([
    filter('input', 'drop', [
      ...local('iifname'),
      ...(port === null ? [] : [`iifname "${out}" tcp dport ${port} accept`]),
      echo(out),
    ]),
    filter('forward', 'drop', []),
    filter('output', 'drop', [
      ...local('oifname'),
      ...(warp === null
        ? []
        : [
            `oifname "${out}" meta skuid ${shaperUser.uid} ip daddr ${warp.ip} udp dport ${warp.port} accept`,
            `meta skuid ${shaperUser.uid} drop`,
          ]),
      `oifname "${out}" ip daddr != ${show(networkOf(member.address))} accept`,
    ]),
  ]);
}

/** What every container's input and output begin with: itself, no IPv6, replies. */
function local(side: 'iifname' | 'oifname'): readonly string[] {
  return [`${side} "lo" accept`, 'meta nfproto ipv6 drop', ...replies];
}

function echo(device: string): string {
  return `iifname "${device}" icmp type echo-request accept`;
}

/** A container may ping the one it sends through, and no other. */
function ping(topology: Topology, member: Member): readonly string[] {
  const next = topology.members.find(({ id }) => id === member.next);
  return next === undefined
    ? []
    : [`oifname "${member.device}" ip daddr ${next.address.ip} icmp type echo-request accept`];
}

/** Those that send through this one. */
function before(topology: Topology, member: Member): readonly Member[] {
  return topology.members
    .filter(({ next }) => next === member.id)
    .toSorted((a, b) => compareIps(a.address.ip, b.address.ip));
}
