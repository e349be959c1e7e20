// WireGuard interfaces: the gateway's for clients, and WARP's. Both are wg-quick's files and units (wg-quick(8)).

import { contains, parseAddress } from '../../core/address.ts';
import { standIn } from '../../core/secret.ts';
import { clientSizes, gatewayMtu, warpSizes } from '../../core/topology/padding.ts';
import { type Expand, type Facts, type Member, type Topology, warpMtu } from '../../core/topology.ts';
import type { Inside } from '../inside.ts';

const header = '# Written by op-dbus from its state file; a change by hand is put back.';
/** Routing table and mark of WARP's own packets: wg-quick's customary number. */
const mark = 51820;

export const expand: Expand<Inside> = (topology, facts) =>
  topology.members.flatMap((member) =>
    [
      ...Object.keys(member.wireguard).map((name) => gateway(topology, facts, member, name)),
      ...(member.warp === null ? [] : [warp(topology, facts, member, member.warp)]),
    ].map((spec) => ({ kind: 'tunnel', name: `${member.name}/${spec.unit}`, spec })),
  );

function gateway(topology: Topology, facts: Facts, member: Member, name: string): Inside {
  const state = member.wireguard[name] as Member['wireguard'][string];
  const { address, listen_port, private_key_file, peers } = state;
  const mtu = gatewayMtu(topology, state);
  const lines = [
    header,
    '[Interface]',
    `Address = ${address}`,
    `ListenPort = ${listen_port}`,
    `PrivateKey = ${secret(facts, member, private_key_file)}`,
    ...(mtu === undefined ? [] : [`MTU = ${mtu}`]),
    ...peers.flatMap((peer) => [
      '',
      '[Peer]',
      `PublicKey = ${peer.public_key}`,
      ...(peer.preshared_key_file === undefined
        ? []
        : [`PresharedKey = ${secret(facts, member, peer.preshared_key_file)}`]),
      `AllowedIPs = ${peer.allowed_ips.join(', ')}`,
      ...(peer.endpoint === undefined ? [] : [`Endpoint = ${peer.endpoint}`]),
      ...(peer.persistent_keepalive === undefined ? [] : [`PersistentKeepalive = ${peer.persistent_keepalive}`]),
    ]),
  ];
  const keys = [private_key_file, ...peers.flatMap((peer) => peer.preshared_key_file ?? [])];
  // `wg syncconf`, which a reload is, takes keys, peers and the port; address, MTU and routes need wg-quick itself.
  const routes = peers.flatMap((peer) => peer.allowed_ips).filter((ip) => !covers(address, ip));
  const reload = JSON.stringify({ address, mtu, routes: routes.toSorted() });
  const intoWarp = topology.members.some((other) => warpSizes(topology, other).length > 0);
  const leaves = leaving(name, clientSizes(topology, state), member.device, intoWarp);
  return { ...unit(facts, member, name, lines, keys, reload), ...leaves };
}

/**
 * Everything but WARP's own marked packets goes through the tunnel, by a rule that stays when the tunnel is gone: then
 * the table's last route says "unreachable", never "by the bridge".
 */
function warp(topology: Topology, facts: Facts, member: Member, state: NonNullable<Member['warp']>): Inside {
  const rule = (priority: number, what: string): string =>
    `PostUp = [ -n "$(ip -4 rule show priority ${priority})" ] || ip -4 rule add ${what} priority ${priority}`;
  const lines = [
    header,
    '[Interface]',
    `Address = ${state.address}`,
    `PrivateKey = ${secret(facts, member, state.private_key_file)}`,
    `MTU = ${state.mtu ?? warpMtu}`,
    `FwMark = ${mark}`,
    'Table = off',
    `PostUp = ip -4 route replace unreachable default metric 9999 table ${mark}`,
    `PostUp = ip -4 route replace default dev %i table ${mark}`,
    rule(32000, 'table main suppress_prefixlength 0'),
    rule(32001, `not fwmark ${mark} table ${mark}`),
    '',
    '[Peer]',
    `PublicKey = ${state.public_key}`,
    'AllowedIPs = 0.0.0.0/0',
    `Endpoint = ${state.resolved.ip}:${state.resolved.port}`,
    'PersistentKeepalive = 25',
  ];
  const back = topology.padding.clients !== null;
  const leaves = leaving(state.interface, warpSizes(topology, member), member.device, back);
  return { ...unit(facts, member, state.interface, lines, [state.private_key_file], null), ...leaves };
}

/**
 * How packets leave a tunnel's device, and one by one the container's other device, if what is behind it lengthens them: an
 * aggregate of packets can't be lengthened. Nothing where nothing is.
 */
function leaving(device: string, sizes: readonly number[], out: string, onward: boolean): Pick<Inside, 'leaves'> {
  const leaves = {
    ...(sizes.length === 0 ? {} : { [device]: { sizes, single: true } }),
    ...(onward ? { [out]: { sizes: [], single: true } } : {}),
  };
  return Object.keys(leaves).length === 0 ? {} : { leaves };
}

function unit(
  facts: Facts,
  member: Member,
  name: string,
  lines: readonly string[],
  keys: readonly string[],
  reload: string | null,
): Inside {
  const path = `/etc/wireguard/${name}.conf`;
  const files = keys.map((key) => [key, { mode: 0o600, text: `${secret(facts, member, key)}\n` }] as const);
  return {
    container: member.name,
    order: member.order,
    unit: `wg-quick@${name}`,
    files: { ...Object.fromEntries(files), [path]: { mode: 0o600, text: `${lines.join('\n')}\n` } },
    check: ['wg-quick', 'strip', path],
    reload,
    active: true,
  };
}

/** Whether the interface's own network holds the other, so that no route of its own is made for it. */
function covers(own: string, other: string): boolean {
  const [network, inner] = [parseAddress(own), parseAddress(other)];
  return network !== null && inner !== null && inner.prefix >= network.prefix && contains(network, inner.ip);
}

/** The placeholder of a key from the files folder; the engine has made sure that it is there. */
function secret(facts: Facts, member: Member, path: string): string {
  return standIn(facts.files[`${member.name}:${path}`]?.fingerprint ?? '');
}
