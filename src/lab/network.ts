// The lab's links: veth pairs from namespace to namespace, addresses, routes, as batches for ip(8).

import { exec, run } from '../drivers/exec.ts';
import { ask, pid1 } from './host.ts';
import { HOSTS, LINKS, RESOLVERS, type HostName } from './topology.ts';

/**
 * Makes all links between the running hosts. Every pair is born inside its two namespaces, and asked for from an empty
 * one that goes with the command: no device is ever the machine's, nor does a name of its own get in the way.
 */
export async function connect(): Promise<void> {
  const pids = new Map<HostName, number>();
  for (const host of HOSTS) pids.set(host, (await pid1(host)).pid);
  const pairs = LINKS.map(
    ({ host, device, peer }) =>
      `link add ${device} netns ${pids.get(host)} type veth peer name ${peer.device} netns ${pids.get(peer.host)}\n`,
  );
  await run(exec, ['unshare', '--net', 'ip', '-batch', '-'], { stdin: pairs.join('') });
  await Promise.all(HOSTS.map((host) => ask(host, ['ip', '-batch', '-'], { stdin: settings(host).join('') })));
}

/** The lines of ip(8) that bring up a host's ends: addresses first, since a route needs its next hop on a link. */
export function settings(host: HostName): readonly string[] {
  const ends = LINKS.flatMap((link) => [link, link.peer]).filter((end) => end.host === host);
  return [
    ...(host === 'inet' ? RESOLVERS.map((ip) => `addr add ${ip}/32 dev lo\n`) : []),
    ...ends.flatMap(({ device, addresses }) => [
      // Duplicate address detection takes a second in which an IPv6 address can't be used.
      ...addresses.map((address) => `addr add ${address} dev ${device}${address.includes(':') ? ' nodad' : ''}\n`),
      `link set ${device} up\n`,
    ]),
    ...LINKS.flatMap((link) => [
      ...(link.host === host ? link.via.map((gateway) => `route add default via ${gateway}\n`) : []),
      ...(link.peer.host === host
        ? Object.entries(link.routed).map(([to, via]) => `route add ${to} via ${via}\n`)
        : []),
    ]),
  ];
}
