// Padding inside WireGuard: to what sizes packets are lengthened, and what then leaves (wireguard.com/papers/wireguard.pdf §5.4).

import type { State, WireguardState } from '../state/schema.ts';
import { type Member, type Topology, warpMtu } from '../topology.ts';

/** What wg-quick takes for a line of 1500 bytes. */
const customary = 1420;

/** Level 2, unless the file says less. */
export function paddingOf({ openflow: { obfuscation_level: level, obfuscation } }: State): Topology['padding'] {
  const { padding, pad_clients: clients } = obfuscation;
  if (level < 2 || padding === false) return { warp: null, clients: null };
  const sizes = padding === 'constant' ? [] : padding.toSorted((a, b) => a - b);
  return { warp: sizes, clients: clients ? sizes : null };
}

/** Whether anything of the file's is lengthened, so that the machine must be able to. */
export function pads(state: State): boolean {
  const { warp, clients } = paddingOf(state);
  return state.lxc.containers.some(({ config: { 'wg-quick': tunnel, xray: _, ...gateways } }) => {
    const gateway = Object.values(gateways).some((one) => one !== undefined);
    return (warp !== null && tunnel !== undefined) || (clients !== null && gateway);
  });
}

/**
 * A gateway's MTU: a client's packet must fit into WARP's without being cut. Undefined where nothing depends on it: wg-quick then works
 * it out from the route.
 */
export function gatewayMtu({ members, padding }: Topology, { mtu }: WireguardState): number | undefined {
  const inner = members.flatMap(({ warp }) => (warp === null ? [] : [warp.mtu ?? warpMtu]));
  return mtu ?? (inner.length > 0 ? Math.min(...inner) : padding.clients === null ? undefined : customary);
}

/** Bytes to which WARP's packets are lengthened, ascending; empty: they are not. */
export function warpSizes({ padding }: Topology, { warp }: Member): readonly number[] {
  return warp === null || padding.warp === null ? [] : [...padding.warp, warp.mtu ?? warpMtu];
}

/** The same of what a gateway's interface sends to its clients. */
export function clientSizes(topology: Topology, state: WireguardState): readonly number[] {
  const { clients } = topology.padding;
  const mtu = gatewayMtu(topology, state);
  return clients === null || mtu === undefined ? [] : [...clients, mtu];
}

/**
 * Lengths of UDP that WireGuard sends when each packet has one of these sizes, ascending: data, and by their kind a
 * keepalive, a handshake's two halves. Not the cookie, with which a server fends off a flood: short data has its length too.
 * WireGuard itself lengthens to multiples of 16, up to the MTU, which is the largest size.
 */
export function udpLengths(sizes: readonly number[]): readonly number[] {
  const mtu = Math.max(...sizes);
  const data = sizes.map((size) => 8 + 32 + Math.min(Math.ceil(size / 16) * 16, mtu));
  return [...new Set([8 + 32, 8 + 92, 8 + 148, ...data])].toSorted((a, b) => a - b);
}
