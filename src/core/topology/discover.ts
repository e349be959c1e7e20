// Ports on our bridges that the file doesn't name: which of them are members too, and why the others aren't.

import { contains, nthOf, parseAddress } from '../address.ts';
import { links } from '../state/link.ts';
import { policyFlows, selected, targetsOf } from '../state/placed.ts';
import { showPath } from '../state/problem.ts';
import { judgePolicies, view } from '../state/rule/index.ts';
import type { View } from '../state/rule/rule.ts';
import type { State } from '../state/schema.ts';
import type { Target } from '../state/selector.ts';
import type { Bridge, Discovered } from '../topology.ts';
import { placeOf } from './flow.ts';
import { containerMac, portNumber } from './number.ts';

/** A discovered port that is a member, and what is known of it. */
export type Newcomer = Target & { readonly ofport: number; readonly prefix: number };

/**
 * The newcomers by id, and a sentence about each port that was found: which policies select it, or why it is left
 * alone. What the file has already (id, address, port) wins, and of two newcomers the one whose port comes first by
 * name. A port for which policies contradict each other, or lead nowhere, is left alone: on a chain nothing of it passes.
 */
export function discover(
  state: State,
  bridges: readonly Bridge[],
  found: readonly Discovered[],
): { readonly newcomers: readonly Newcomer[]; readonly notes: readonly string[] } {
  if (!state.openflow.auto_discover_containers) return { newcomers: [], notes: [] };
  const newcomers: Newcomer[] = [];
  const notes: string[] = [];
  for (const port of found.toSorted((a, b) => (a.port < b.port ? -1 : 1))) {
    const one = newcomer(state, bridges, port, newcomers);
    if (typeof one === 'string') notes.push(`${port.port} on ${port.bridge} is left alone: ${one}.`);
    else {
      newcomers.push(one);
      const places = policyFlows(state, [one]).map(placeOf);
      const selected = places.length === 0 ? 'no policy selects it' : `selected by ${places.join(', ')}`;
      notes.push(`${port.port} on ${port.bridge} was discovered: container ${one.id}, ${one.ip}; ${selected}.`);
    }
  }
  const targets = [...targetsOf(links(state)), ...newcomers];
  const idle = state.openflow.flow_policies
    .filter((policy) => selected(policy, targets).length === 0)
    .map(({ name, selector }) => `policy ${name} selects nobody as yet: ${selector}.`);
  return { newcomers: newcomers.toSorted((a, b) => a.id - b.id), notes: [...notes, ...idle] };
}

/** The reason, when it is none. */
function newcomer(
  state: State,
  bridges: readonly Bridge[],
  { bridge, port, device, ofport, mac }: Discovered,
  before: readonly Newcomer[],
): Newcomer | string {
  const id = idOf(port) ?? idOf(device);
  if (id === null) return 'its name holds no id, as internal_104, veth104 and veth104i0 do';
  const own = links(state);
  const same = (other: number | null): boolean => other !== null && portNumber(other) === portNumber(id);
  if (own.some((link) => same(link.id)) || before.some((one) => same(one.id))) return `id ${id} is taken`;
  if ([...own, ...before].some(({ row, device: name }) => [row, name].some((each) => each === port || each === device)))
    return 'a port of that name is in the file';
  const place = bridges.find(({ name }) => name === bridge);
  const network = place?.subnet == null ? null : parseAddress(place.subnet);
  const ip = network === null || id > 254 ? null : nthOf(network, id);
  if (network === null || ip === null || !contains(network, ip)) return `${bridge} has no address for id ${id}`;
  const taken = [place?.address?.ip, ...own.map(({ address }) => address?.ip), ...before.map((one) => one.ip)];
  if (taken.includes(ip)) return `its address ${ip} is taken`;
  const one = {
    id,
    name: port,
    bridge,
    row: port,
    device,
    mac: mac ?? containerMac(id),
    ip,
    ofport,
    prefix: network.prefix,
  };
  const [fault] = judgePolicies({ ...policiesOf(state), targets: [one] });
  return fault === undefined ? one : `a policy doesn't fit (${showPath(fault.path)}: ${fault.message})`;
}

/** The bridges' own flows name no port of a newcomer, so they are at odds with none of his. */
function policiesOf(state: State): View {
  const bridges = state.openflow.bridges.map((bridge) => ({ ...bridge, flows: [] }));
  return view({ ...state, openflow: { ...state.openflow, bridges } }, true);
}

/** `internal_104`, `veth104`, and Proxmox's `veth104i0`. */
function idOf(name: string): number | null {
  const [, digits] = /^(?:internal_|veth)([1-9][0-9]{2,4})(?:i[0-9]+)?$/.exec(name) ?? [];
  const id = Number(digits);
  return id >= 100 && id <= 65000 ? id : null;
}
