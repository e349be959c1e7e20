// Addresses: unique, in the bridge's subnet, none of its special ones; a container's tunnels don't overlap with it.

import {
  assignable,
  broadcastOf,
  contains,
  networkOf,
  nthOf,
  overlap,
  parseAddress,
  showAddress,
} from '../../address.ts';
import { bad, entries } from '../draft.ts';
import { type Link, subnet, takenSubnet } from '../link.ts';
import { type Finding, type Path, showPath } from '../problem.ts';
import { containerPath, repeated, type Rule, type View } from './rule.ts';

export const addresses: Rule = (view) => [
  ...repeated(
    [
      ...entries(view.draft.openflow?.bridges).map(([index, { address }]) => ({
        value: address?.split('/')[0],
        path: ['openflow', 'bridges', index, 'address'],
      })),
      ...view.links.map((link) => ({ value: link.address?.ip, path: place(link) })),
    ],
    (value, first) => `address ${value} is taken by ${showPath(first)}`,
  ),
  ...entries(view.draft.openflow?.bridges).flatMap(([index, { address }]) =>
    address === undefined ? [] : usable(address, ['openflow', 'bridges', index, 'address']),
  ),
  ...apart(view),
  ...view.links.flatMap((link) => member(view, link)),
  ...view.links.flatMap((link) => tunnels(view, link)),
];

/** One member against its bridge's subnet. */
function member({ draft, bridges }: View, link: Link): readonly Finding[] {
  const { container, address, bridge, id } = link;
  if (address === null) {
    const unknown = container.network !== undefined || bad(container, 'network') || id === null || bridge === null;
    if (unknown) return [];
    return [
      { path: place(link), message: `no address can be made from id ${id}: expected network.ipv4, like 10.0.0.50/24` },
    ];
  }
  const faults = usable(showAddress(address), place(link));
  if (faults.length > 0 || bridge === null || bridges === null) return faults;
  const network = subnet(draft, bridge);
  const [, entry] = entries(draft.openflow?.bridges).find(([, { name }]) => name === bridge) ?? [];
  if (network === null || (entry !== undefined && bad(entry, 'address'))) return [];
  if (!contains(network, address.ip) || network.prefix !== address.prefix)
    return [
      {
        path: place(link),
        message: `${showAddress(address)} is outside of ${bridge}'s subnet: expected an address in ${showAddress(network)}`,
      },
    ];
  const own = entry?.address === undefined ? nthOf(network, 1) : entry.address.split('/')[0];
  if (entry?.address === undefined && own === address.ip)
    return [
      {
        path: place(link),
        message: `${address.ip} is ${bridge}'s own address: expected another in ${showAddress(network)}`,
      },
    ];
  return [];
}

/** A host's address with a subnet around it: neither the network's nor the broadcast address, prefix 8 to 30. */
function usable(text: string, path: Path): readonly Finding[] {
  const address = parseAddress(text);
  if (address === null) return [];
  if (address.prefix < 8 || address.prefix > 30)
    return [{ path, message: `prefix ${address.prefix}: expected one from 8 to 30` }];
  if (!assignable(address.ip))
    return [{ path, message: `${address.ip} can't be a host's address: expected one like 10.0.0.100` }];
  if (address.ip === networkOf(address).ip)
    return [{ path, message: `${address.ip} is the network address of ${showAddress(networkOf(address))}` }];
  if (address.ip === broadcastOf(address))
    return [{ path, message: `${address.ip} is the broadcast address of ${showAddress(networkOf(address))}` }];
  return [];
}

/** Two bridges with overlapping subnets would leave the host's routes to chance. */
function apart(view: View): readonly Finding[] {
  const known = [...new Set(view.bridges)].flatMap((name) => {
    const network = name === null ? null : takenSubnet(view.draft, name);
    const where = name === null ? null : bridgePlace(view, name);
    return network === null || where === null ? [] : [{ name, network, where }];
  });
  return known.flatMap(({ name, network, where }, position) => {
    const other = known.slice(0, position).find((earlier) => overlap(earlier.network, network));
    return other === undefined ? [] : [{ ...where, message: `the subnets of ${name} and ${other.name} overlap` }];
  });
}

/** A bridge that isn't listed is told of at its first container. */
function bridgePlace({ draft, links }: View, name: string): Omit<Finding, 'message'> | null {
  const [index] = entries(draft.openflow?.bridges).find(([, bridge]) => bridge.name === name) ?? [];
  if (index !== undefined) return { path: ['openflow', 'bridges', index] };
  const link = links.find(({ bridge }) => bridge === name);
  const hint = `Give ${name} another network: {"name": "${name}", "address": "10.7.0.1/24"} in openflow.bridges.`;
  return link === undefined ? null : { path: place(link), hint };
}

/** Inside one container: the bridge's subnet, the tunnels' and the peers' networks are different ones, or routes clash. */
function tunnels({ draft }: View, { index, bridge, container }: Link): readonly Finding[] {
  const outer = bridge === null ? null : subnet(draft, bridge);
  const own = Object.entries(container.config ?? {}).flatMap(([name, config]) => {
    const text = config !== undefined && 'address' in config ? config.address : undefined;
    const address = text === undefined ? null : parseAddress(text);
    return address === null ? [] : [{ name, address, path: containerPath(index, 'config', name, 'address') }];
  });
  return own.flatMap(({ address, path, name }, position) => {
    const special = address.prefix < 31 && [networkOf(address).ip, broadcastOf(address)].includes(address.ip);
    if (special || !assignable(address.ip))
      return [{ path, message: `${address.ip} can't be a host's address: expected one like 10.99.0.1` }];
    if (outer !== null && overlap(outer, address))
      return [{ path, message: `overlaps with ${bridge}'s subnet ${showAddress(outer)}` }];
    const twin = own.slice(0, position).find((earlier) => overlap(earlier.address, address));
    return twin === undefined ? [] : [{ path, message: `${name}'s network overlaps with ${twin.name}'s` }];
  });
}

function place({ index, container }: Link): Path {
  return container.network === undefined ? containerPath(index) : containerPath(index, 'network', 'ipv4');
}
