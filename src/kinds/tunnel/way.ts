// Whether clients' packets find their way through the containers, there and back (ip-route(8), `route get … iif`).

import { contains, networkOf, nthOf, parseAddress } from '../../core/address.ts';
import type { Resource } from '../../core/resource.ts';
import type { Container } from '../../drivers/container/contract.ts';
import type { Host } from '../../drivers/host.ts';
import type { Inside } from '../inside.ts';
import type { Check } from '../kind.ts';
import { ask } from '../ask.ts';
import { deviceOf, read } from './device.ts';

/**
 * No client is at hand to send a packet, and the gateway sends none of its own. So each kernel is asked what it would do
 * with a client's: it goes by the routes, rules and sysctls that the packet would meet, and nothing is sent. The switch
 * and the packet filters between are compared flow by flow and rule by rule; WARP is asked by a check of its own.
 */
export async function ways(host: Host, wanted: readonly Resource<Inside>[]): Promise<readonly Check[]> {
  const containers = await host.containers.list();
  const specs = wanted.flatMap(({ spec }) => {
    const container = containers.find(({ name }) => name === spec.container);
    return container === undefined ? [] : [{ spec, container }];
  });
  const gateways = specs.filter(
    ({ spec, container }) => spec.reload !== null && container.definition.sysctl['net.ipv4.ip_forward'] === '1',
  );
  const sources = gateways.map(({ container }) => container.definition.address.split('/')[0] ?? '');
  const checks = [
    ...gateways.map(({ spec, container }) => way(host, container, spec, throughGateway(container, spec))),
    ...specs
      .filter(({ spec }) => spec.reload === null && sources.length > 0)
      .map(({ spec, container }) => way(host, container, spec, throughWarp(container, spec, sources))),
  ];
  return Promise.all(checks);
}

/** A packet that comes in, and the start of what the kernel must say of it. */
type Packet = { readonly from: string; readonly to: string; readonly iif: string; readonly leaves: string };

/** Two places on the Internet, one in either half: half a default route is a route too. */
const internet = ['1.1.1.1', '198.41.0.4'];

function throughGateway({ definition }: Container, spec: Inside): readonly Packet[] {
  const outer = deviceIn(definition);
  return both(clients(spec), deviceOf(spec.unit), outer, `via ${definition.gateway} dev ${outer}`);
}

function throughWarp({ definition }: Container, spec: Inside, sources: readonly string[]): readonly Packet[] {
  const inner = deviceOf(spec.unit);
  return both(sources, deviceIn(definition), inner, `dev ${inner}`);
}

function both(sources: readonly string[], near: string, far: string, leaves: string): readonly Packet[] {
  return sources.flatMap((source) =>
    internet.flatMap((place) => [
      { from: source, to: place, iif: near, leaves },
      { from: place, to: source, iif: far, leaves: `dev ${near}` },
    ]),
  );
}

/** An address of each peer. A peer that has the whole Internet behind it is no client. */
function clients(spec: Inside): readonly string[] {
  const { address, peers } = read(spec);
  const own = parseAddress(address)?.ip;
  return peers.flatMap(({ allowed }) => {
    const network = parseAddress(allowed[0] ?? '');
    if (network === null || internet.some((place) => contains(network, place))) return [];
    const some = network.prefix < 31 ? [1, 2] : [0, 1];
    return some.map((n) => nthOf(networkOf(network), n)).find((ip) => ip !== null && ip !== own) ?? [];
  });
}

function deviceIn({ mode, port }: Container['definition']): string {
  return mode === 'socket' ? port.device : 'eth0';
}

async function way(
  host: Host,
  { name, definition }: Container,
  spec: Inside,
  packets: readonly Packet[],
): Promise<Check> {
  const batch = packets.map((packet) => question(packet)).join('\n');
  const { stdout, stderr } = await ask(host, name, ['ip', '-4', '-o', '-force', '-batch', '-'], {
    stdin: `${batch}\n`,
  });
  const wrong = packets.find((packet) => !asWanted(packet, stdout));
  const [first] = packets;
  const shown = wrong ?? first;
  return {
    name: `${name}: a client's packet finds its way between ${deviceOf(spec.unit)} and ${deviceIn(definition)}`,
    ok: first !== undefined && wrong === undefined,
    detail:
      first === undefined
        ? 'no client in the file'
        : wrong === undefined
          ? `${first.leaves}, and back`
          : `${wrong.from} to ${wrong.to} must leave ${wrong.leaves}: ${said(wrong, stdout, stderr)}\nmend: ${mend(name, definition, spec, wrong)}`,
    command: `op-dbus exec ${name} -- ip -4 ${shown === undefined ? 'route' : question(shown)}`,
  };
}

function question({ from, to, iif }: Packet): string {
  return `route get ${to} from ${from} iif ${iif}`;
}

function answer({ from, to, iif }: Packet, stdout: string): string | undefined {
  const lines = stdout.split('\n').map((line) => line.replaceAll(/[\s\\]+/g, ' ').trim());
  return lines.find((line) => line.startsWith(`${to} from ${from} `) && `${line} `.includes(` iif ${iif} `));
}

function asWanted(packet: Packet, stdout: string): boolean {
  return answer(packet, stdout)?.startsWith(`${packet.to} from ${packet.from} ${packet.leaves} `) ?? false;
}

function said(packet: Packet, stdout: string, stderr: string): string {
  const told = answer(packet, stdout);
  const refused = stderr.split('\n').find((line) => line !== '' && !line.startsWith('Command failed'));
  return told === undefined ? (refused ?? 'no answer') : `it leaves ${/(via \S+ )?dev \S+/.exec(told)?.[0] ?? told}`;
}

/** Routes by the bridge are the container's, the others are made by the tunnel's unit. */
function mend(
  name: string,
  { gateway, made, id }: Container['definition'],
  { unit, leaves: padded }: Inside,
  { leaves }: Packet,
): string {
  const inside = `op-dbus exec ${name} --`;
  const route = leaves.startsWith(`via ${gateway} `)
    ? `${inside} ip -4 route replace default ${leaves}`
    : `${inside} systemctl restart ${unit}${padded === undefined ? '' : ', then op-dbus apply'}`;
  const stop = made === undefined ? `lxc-stop -n ${name}` : `pct shutdown ${id}`;
  return `${route}, or start it anew: ${stop}, then op-dbus apply`;
}
