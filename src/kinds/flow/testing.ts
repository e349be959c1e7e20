// A bridge of a topology on a private dummy switch, and its packet tracer (ovs-vswitchd(8), ofproto/trace).

import { readdirSync } from 'node:fs';
import { createConnection } from 'node:net';
import { join } from 'node:path';
import type { Topology } from '../../core/topology.ts';
import { exec, run } from '../../drivers/exec.ts';
import type { Host } from '../../drivers/host.ts';
import { ovsOfctl } from '../../drivers/openflow/client.ts';
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
  return { ovsdb, openflow: ovsOfctl(exec, ovs.folder) } as unknown as Host;
}

/** Asks ovs-vswitchd over its control socket, many times faster than a program for each question. */
export async function appctl(ovs: DummySwitch, method: string, ...params: readonly string[]): Promise<string> {
  const name = readdirSync(ovs.folder).find((file) => /^ovs-vswitchd\.\d+\.ctl$/.test(file)) ?? '';
  const socket = createConnection(join(ovs.folder, name));
  socket.write(JSON.stringify({ id: 0, method, params }));
  let text = '';
  for await (const chunk of socket) {
    text += String(chunk);
    try {
      const { result, error } = JSON.parse(text) as { readonly result?: string | null; readonly error?: unknown };
      if (typeof result !== 'string') throw new TypeError(`${method} ${params.join(' ')}: ${JSON.stringify(error)}`);
      return result;
    } catch (cause) {
      if (!(cause instanceof SyntaxError)) throw cause;
    }
  }
  throw new TypeError(`${method}: the switch hung up`);
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
      if (/^(ct|recirc|set|drop|ct_clear)(\(|$)/.test(action)) return [];
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
