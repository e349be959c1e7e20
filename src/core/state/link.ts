// How each container hangs on the switch, with everything filled in that the file leaves out.

import { type Address, contains, networkOf, nthOf, parseAddress, showAddress } from '../address.ts';
import { bad, type ContainerDraft, type Draft, entries } from './draft.ts';
import type { BridgeState, ContainerState, Output, State } from './schema.ts';

/** A container's link. What can't be told because that part of the file is bad is null. */
export type Link = {
  readonly index: number;
  readonly id: number | null;
  readonly bridge: string | null;
  /** `socket`: an OVS internal port; `veth`: a veth pair. */
  readonly mode: 'socket' | 'veth' | null;
  /** The OVS Port row, and the Interface and device: they differ when the container is a `wg_tunnel` (wg-warp, internal_101). */
  readonly row: string | null;
  readonly device: string | null;
  readonly address: Address | null;
  readonly container: ContainerDraft;
};

/** The bridge of containers that join a Netmaker mesh, where nothing says another. It is there as soon as one is on it. */
const mesh = 'mesh';

/** The subnet of a bridge where nothing says another. */
function usual(bridge: string): Address {
  return { ip: bridge === mesh ? '10.1.0.0' : '10.0.0.0', prefix: 24 };
}

export function links(draft: Draft): readonly Link[] {
  const first = usualBridge(draft);
  return entries(draft.lxc?.containers).map(([index, container]) => {
    const { id = null, network } = container;
    const known = { index, id, container };
    const bridge = named(container) ?? first;
    if (bad(container, 'network') || (network === undefined && unsure(container)))
      return { ...known, bridge: null, mode: null, row: null, device: null, address: null };
    if (network === undefined) {
      const mode = container.properties?.network_type === 'netmaker' ? 'veth' : 'socket';
      const device = id === null ? null : `${mode === 'veth' ? 'veth' : 'internal_'}${id}`;
      return { ...known, bridge, mode, row: device, device, address: defaultAddress(draft, bridge, id) };
    }
    const numbered = (prefix: string) => (id === null ? null : `${prefix}${id}`);
    const mode = modeOf(network);
    const usualName = mode === null ? null : numbered(mode === 'veth' ? 'veth' : 'internal_');
    const row = bad(network, 'port_name') || mode === null ? null : (network.port_name ?? usualName);
    return {
      ...known,
      bridge: bad(network, 'bridge') || (network.bridge === undefined && unsure(container)) ? null : bridge,
      mode,
      row,
      device: network.wg_tunnel === true && mode === 'socket' ? numbered('internal_') : row,
      address: network.ipv4 === undefined ? null : parseAddress(network.ipv4),
    };
  });
}

/** Null too when the file says two ways at once: then no name of the port is right. */
function modeOf(network: NonNullable<ContainerDraft['network']>): Link['mode'] {
  if (network.veth !== true) return bad(network, 'veth') || bad(network, 'wg_tunnel') ? null : 'socket';
  return network.wg_tunnel === true || network.socket_networking === true ? null : 'veth';
}

/** The bridge of whoever names none: the first, but `mesh` only when there is no other. Null when it can't be told. */
function usualBridge(draft: Draft): string | null {
  const names = bridgeNames(draft) ?? [];
  const others = names.filter((name) => name !== mesh);
  return (others.length > 0 ? others : names)[0] ?? null;
}

/** The bridge that a container says it is on, or that its sort of network means; undefined: the usual one. */
function named({ network, properties }: ContainerDraft): string | undefined {
  return network?.bridge ?? (properties?.network_type === 'netmaker' ? mesh : undefined);
}

/** Whether it can't be told which sort of network a container wants. */
function unsure(container: ContainerDraft): boolean {
  return bad(container, 'properties') || bad(container.properties ?? {}, 'network_type');
}

/**
 * The names of the bridges; null when that part of the file is bad. One ovsbr0 when the file lists none and a container
 * is not on `mesh`, and `mesh` last, listed or not, when a container is.
 */
export function bridgeNames(draft: Draft): readonly (string | null)[] | null {
  if (bad(draft, 'openflow') || (draft.openflow !== undefined && bad(draft.openflow, 'bridges'))) return null;
  const used = (draft.lxc?.containers ?? []).map((container) => container && named(container));
  const listed = draft.openflow?.bridges?.map((bridge) => bridge?.name ?? null);
  const own = listed ?? (used.some((name) => name !== mesh) ? ['ovsbr0'] : []);
  return used.includes(mesh) && !own.includes(mesh) ? [...own, mesh] : own;
}

/**
 * The subnet of a bridge: that of its own address, else the one that most of its containers' addresses are in (of two
 * the one with the smallest id), else null.
 */
export function subnet(draft: Draft, bridge: string): Address | null {
  const own = entries(draft.openflow?.bridges).find(([, { name }]) => name === bridge)?.[1].address;
  const parsed = own === undefined ? null : parseAddress(own);
  if (parsed !== null) return networkOf(parsed);
  const first = usualBridge(draft);
  const votes = new Map<string, { readonly network: Address; readonly count: number; readonly id: number }>();
  for (const [, container] of entries(draft.lxc?.containers)) {
    const { id = Infinity, network } = container;
    const address = network?.ipv4 === undefined ? null : parseAddress(network.ipv4);
    if (address === null || (named(container) ?? first) !== bridge) continue;
    const vote = networkOf(address);
    const before = votes.get(showAddress(vote));
    votes.set(showAddress(vote), {
      network: vote,
      count: (before?.count ?? 0) + 1,
      id: Math.min(id, before?.id ?? Infinity),
    });
  }
  return [...votes.values()].toSorted((a, b) => b.count - a.count || a.id - b.id)[0]?.network ?? null;
}

/** The same, where a container without an address of its own is on the bridge also the one that it gets there. */
export function takenSubnet(draft: Draft, bridge: string): Address | null {
  const short = links(draft).some((link) => link.bridge === bridge && link.container.network === undefined);
  return subnet(draft, bridge) ?? (short ? usual(bridge) : null);
}

/** The state with every container's network and the list of bridges written out. */
export function fill(output: Output): State {
  const listed: readonly BridgeState[] = output.openflow.bridges ?? [];
  const bridges = (bridgeNames(output) ?? []).map(
    (name, index): BridgeState => listed[index] ?? { name: name ?? 'ovsbr0', flows: [], socket_ports: [], meters: [] },
  );
  const containers = links(output).map((link): ContainerState => {
    const container = output.lxc.containers[link.index] as Output['lxc']['containers'][number];
    const filled = {
      ...(container.network ?? { veth: link.mode === 'veth', wg_tunnel: false }),
      bridge: link.bridge ?? 'ovsbr0',
      socket_networking:
        container.network?.socket_networking ?? (link.mode === 'socket' && container.network?.wg_tunnel !== true),
      port_name: link.row ?? '',
      ipv4: link.address === null ? '' : showAddress(link.address),
    };
    return { ...container, network: filled };
  });
  return { ...output, lxc: { ...output.lxc, containers }, openflow: { ...output.openflow, bridges } };
}

/** A container without a network takes its id's address in the subnet: 10.0.0.104 for 104; no id above 254 has one. */
function defaultAddress(draft: Draft, bridge: string | null, id: number | null): Address | null {
  if (bridge === null || id === null || id > 254) return null;
  const network = subnet(draft, bridge) ?? usual(bridge);
  const ip = nthOf(network, id);
  return ip !== null && contains(network, ip) ? { ip, prefix: network.prefix } : null;
}
