// A bridge of a topology on a private dummy switch, and its packet tracer (ovs-vswitchd(8), ofproto/trace).

import type { Topology } from '../../core/topology.ts';
import { run } from '../../drivers/exec.ts';
import type { Host } from '../../drivers/host.ts';
import { controlSocket } from '../../drivers/control/client.ts';
import { openFlow } from '../../drivers/openflow/client.ts';
import { type BridgeRow, MARK } from '../../drivers/ovsdb/contract.ts';
import type { DummySwitch } from '../../drivers/ovsdb/testing.ts';

/** Makes a shut bridge with the ports of its members that `present` lets through, in place of one of that name. */
export async function build(
  ovs: DummySwitch,
  topology: Topology,
  bridge: string,
  present: (port: string) => boolean,
): Promise<void> {
  const ports = members(topology, bridge).filter(present);
  // Twice: a bridge that is deleted and made in one transaction keeps its flows.
  await run(ovs.run, ['ovs-vsctl', '--if-exists', 'del-br', bridge]);
  await run(ovs.run, [
    'ovs-vsctl',
    'add-br',
    bridge,
    '--',
    ...words(`set Bridge ${bridge} fail_mode=secure datapath_type=dummy`),
    ...ports.flatMap((port) => ['--', ...addPort(topology, bridge, port)]),
  ]);
}

/** The words after `ovs-vsctl` that add a member's port. */
export function addPort(topology: Topology, bridge: string, port: string): readonly string[] {
  const ofport = topology.members.find((member) => member.port.device === port)?.port.ofport;
  return words(`add-port ${bridge} ${port} -- set Interface ${port} type=internal ofport_request=${ofport}`);
}

/** As much of a host as flows need: this switch, and a database in which every port is asked for. */
export function hostOf(ovs: DummySwitch, topology: Topology, present: (port: string) => boolean): Host {
  const row = (name: string): BridgeRow => ({
    name,
    datapathType: 'netdev',
    failMode: 'secure',
    otherConfig: {},
    externalIds: { [MARK]: name },
    ports: topology.members
      .filter((member) => member.bridge === name)
      .map(({ port }) => ({
        name: port.row,
        externalIds: {},
        interface: {
          name: port.device,
          type: 'internal',
          ofport: present(port.device) ? port.ofport : -1,
          ofportRequest: port.ofport,
          mac: null,
          macInUse: null,
          error: null,
          externalIds: {},
        },
      })),
  });
  const ovsdb = { bridges: async () => topology.bridges.map(({ name }) => row(name)) };
  const control = controlSocket(ovs.folder);
  return { ovsdb, openflow: openFlow(ovs.folder, control), control } as unknown as Host;
}

/** Asks ovs-vswitchd over its control socket, many times faster than a program for each question. */
export function appctl(ovs: DummySwitch, command: string, ...args: readonly string[]): Promise<string> {
  return controlSocket(ovs.folder).command(command, args);
}

/** Where a packet goes: `LOCAL` or a device, with the destination MAC that it has there. */
export type Output = { readonly port: string; readonly mac: string };

/** Traces `packet` through `bridge`; `state` is what conntrack says of it. @throws when the trace isn't understood. */
export async function trace(
  ovs: DummySwitch,
  bridge: string,
  packet: string,
  state: string,
): Promise<readonly Output[]> {
  const text = await appctl(ovs, 'ofproto/trace', bridge, packet, '--ct-next', state);
  const names = await ports(ovs, bridge);
  return text.split(/^=+$/m).flatMap((part) => {
    const mac = / dl_dst=([0-9a-f:]+)|,dl_dst=([0-9a-f:]+)/.exec(/^Final flow: (.*)$/m.exec(part)?.[1] ?? '');
    const flow = / ?dl_dst=([0-9a-f:]+)|,dl_dst=([0-9a-f:]+)/.exec(/^Flow: (.*)$/m.exec(part)?.[1] ?? '');
    const actions = /^Datapath actions: (.*)$/m.exec(part)?.[1];
    if (actions === undefined) return [];
    return top(actions).flatMap((action) => {
      if (/^(ct|recirc|set|drop|ct_clear|meter)(\(|$)/.test(action)) return [];
      const port = names.get(action);
      if (port === undefined) throw new TypeError(`an action of the trace is not understood: ${action}\n${text}`);
      return [{ port, mac: mac?.[1] ?? mac?.[2] ?? flow?.[1] ?? flow?.[2] ?? '' }];
    });
  });
}

const known = new WeakMap<DummySwitch, Map<string, string>>();

/** The datapath's numbers of ports. They don't change while a port lives; a deleted one never comes up. */
async function ports(ovs: DummySwitch, bridge: string): Promise<ReadonlyMap<string, string>> {
  const cached = known.get(ovs);
  if (cached !== undefined) return cached;
  const show = await appctl(ovs, 'dpctl/show');
  const names = new Map(
    [...show.matchAll(/port (\d+): (\S+)/g)].map(([, number = '', name = '']) => [
      number,
      name === bridge ? 'LOCAL' : name,
    ]),
  );
  known.set(ovs, names);
  return names;
}

function words(text: string): readonly string[] {
  return text.split(' ');
}

/** Splits at the commas outside parentheses. */
function top(actions: string): readonly string[] {
  let depth = 0;
  const cut = actions.split('').map((letter) => {
    if (letter === '(') depth += 1;
    if (letter === ')') depth -= 1;
    return letter === ',' && depth === 0 ? '\n' : letter;
  });
  return cut.join('').split('\n');
}

function members(topology: Topology, bridge: string): readonly string[] {
  return topology.members.filter((member) => member.bridge === bridge).map(({ port }) => port.device);
}
