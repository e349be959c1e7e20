// The host's table: what passes between our bridges and the rest of the world (datapath.md, promises 1, 5, 7).

import { type Address, compareIps, contains, reserved } from '../../core/address.ts';
import type { Bridge, Facts, Published, Topology } from '../../core/topology.ts';
import { passMark } from '../mark.ts';
import { answers, type Chain, filter, marking, nat, replies, show, table, translated } from './text.ts';

/**
 * Lets out the exits alone and in the published ports alone; nothing from a bridge reaches the host itself. A host that
 * forwarded before us goes on: what has nothing to do with our bridges is left to others. One that did not forwards for
 * our bridges alone: a client's packet from the LAN never finds a way past the chain. Without an uplink nothing gets out.
 */
export function hostTable(topology: Topology, facts: Facts): string {
  const used = new Set(topology.members.map((member) => member.bridge));
  const bridges = [...used].sort();
  return table([
    pass(topology, bridges),
    ...nat(
      'prerouting',
      published(topology).map((port) => `${notFrom(bridges)}${senders(port)}fib daddr type local ${dnat(port)}`),
    ),
    ...nat(
      'postrouting',
      exits(topology, facts).map((exit) => `${exit} masquerade`),
    ),
    ...translated(unmasked(topology, facts)),
    filter('input', 'accept', [
      ...topology.bridges.filter(({ name }) => used.has(name)).flatMap(inward),
      ...bridges.flatMap((bridge) => own(`iifname "${bridge}"`)),
    ]),
    filter(
      'output',
      'accept',
      bridges.map((bridge) => `oifname "${bridge}" meta nfproto ipv6 drop`),
    ),
    filter('forward', 'accept', [
      ...bridges.map((bridge) => `iifname "${bridge}" jump from_bridge`),
      ...bridges.map((bridge) => `oifname "${bridge}" jump to_bridge`),
      ...(facts.forwards || bridges.length === 0 ? [] : ['meta nfproto ipv4 drop']),
    ]),
    fromBridge(topology, facts),
    toBridge(topology),
  ]);
}

/**
 * Marks what comes from our bridges or goes to them: kind `rule` lets nothing else be forwarded. The chain is the first,
 * so that it is also the first to go when somebody flushes the table: no packet is marked and then not filtered.
 */
function pass({ bridges: all }: Topology, bridges: readonly string[]): Chain {
  const set = `meta mark set meta mark | ${passMark}`;
  const subnets = all
    .filter(({ name }) => bridges.includes(name))
    .flatMap(({ subnet }) => subnet ?? [])
    .toSorted();
  return marking([
    ...bridges.map((bridge) => `iifname "${bridge}" ${set}`),
    ...subnets.map((subnet) => `${notFrom(bridges)}ip daddr ${subnet} ${set}`),
  ]);
}

function own(from: string): readonly string[] {
  return ['meta nfproto ipv6 drop', ...replies, 'drop'].map((rule) => `${from} ${rule}`);
}

function fromBridge(topology: Topology, facts: Facts): Chain {
  const joins = new Set(topology.members.filter(({ netmaker }) => netmaker).map(({ address }) => address.ip));
  const some = (which: (exit: Topology['exits'][number]) => boolean): readonly string[] =>
    exits({ exits: topology.exits.filter(which) }, facts);
  const pinned = some(({ pin }) => pin !== null).map((exit) => `${exit} accept`);
  const free = some(({ ip, pin }) => pin === null && !joins.has(ip));
  const asked = facts.nameservers.filter((ip) => reserved.some((network) => contains(network, ip)));
  const names = free.flatMap((exit) =>
    asked.flatMap((ip) => ['udp', 'tcp'].map((protocol) => `${exit} ip daddr ${ip} ${protocol} dport 53 accept`)),
  );
  const anywhere = free.map((exit) => `${exit} ${notTo(reserved)} accept`);
  const mesh = some(({ ip }) => joins.has(ip)).map(
    (exit) => `${exit} ${notTo(strange)} meta l4proto { tcp, udp } accept`,
  );
  // No ICMP errors: they quote what was received, or whatever a container that was taken over puts there.
  const rules = [
    'meta nfproto ipv6 drop',
    ...alike(topology),
    answers,
    ...pinned,
    ...names,
    ...anywhere,
    ...mesh,
    'drop',
  ];
  return { name: 'from_bridge', hook: null, rules };
}

/**
 * Level 2: all that leaves our bridges looks as if the host itself had sent it. It comes after the kernel has taken its hop,
 * so what has none left is dead already, and what comes back round dies as ever. The identification counts nothing
 * where a packet can't be cut (RFC 6864 §4.1), and is left alone where it can. Congestion marks stay.
 */
function alike({ level }: Topology): readonly string[] {
  return level < 2 ? [] : ['ip ttl set 64', 'ip dscp set cs0', 'ip frag-off 16384 ip id set 0'];
}

function notTo(networks: readonly Address[]): string {
  return `ip daddr != { ${networks.map(show).join(', ')} }`;
}

/** A published port is reached by our rewrite alone, never by a route that somebody has to the container. */
function toBridge(topology: Topology): Chain {
  const ports = published(topology).map(
    ({ protocol, port, to }) => `ip daddr ${to} ${protocol} dport ${port} ct status dnat accept`,
  );
  return { name: 'to_bridge', hook: null, rules: ['meta nfproto ipv6 drop', ...replies, ...ports, 'drop'] };
}

/** What exits may send, as matches. */
function exits({ exits: all }: Pick<Topology, 'exits'>, { uplink }: Facts): readonly string[] {
  if (uplink === null) return [];
  return all
    .toSorted((a, b) => compareIps(a.ip, b.ip))
    .map(({ ip, pin }) => {
      const to = pin === null ? '' : ` ip daddr ${pin.to.ip} ${pin.protocol} dport ${pin.to.port}`;
      return `oifname "${uplink}" ip saddr ${ip}${to}`;
    });
}

/**
 * What would leave with a private address. A connection that was made while the table was gone is tracked without a
 * translation, and would go on so for as long as its program tries.
 */
function unmasked({ exits: all }: Topology, { uplink }: Facts): readonly string[] {
  if (uplink === null) return [];
  const ips = all.map(({ ip }) => ip).toSorted(compareIps);
  return [...new Set(ips)].map((ip) => `oifname "${uplink}" ip saddr ${ip} drop`);
}

/** Published ports, sorted, with the member's address. */
function published({ published: ports, members }: Topology): readonly Published[] {
  const address = (to: string): string => members.find(({ name }) => name === to)?.address.ip ?? to;
  return ports
    .map((entry) => ({ ...entry, to: address(entry.to) }))
    .toSorted((a, b) => a.port - b.port || (a.protocol < b.protocol ? -1 : 1));
}

function dnat({ protocol, port, to }: Published): string {
  return `${protocol} dport ${port} dnat ip to ${to}`;
}

/** Strangers never reach a port that is for the LAN: what they get no answer from, they can't use. */
function senders({ from }: Published): string {
  return from === 'anywhere' ? '' : `ip saddr { ${lan.join(', ')} } `;
}

/** What no peer of a mesh has for an address. Those of a network at home are no strangers: hosts in it form a mesh too. */
const strange = reserved.filter((network) => /^(0|127|169|224)\./.test(network.ip));

/** RFC 1918, 6598 (carriers), 3927 (link-local), in nft's order. */
const lan = ['10.0.0.0/8', '100.64.0.0/10', '169.254.0.0/16', '172.16.0.0/12', '192.168.0.0/16'];

/** The host's address on a bridge is for the bridge and the host itself, and nobody else has an address of that network. */
function inward({ name, subnet }: Bridge): readonly string[] {
  if (subnet === null) return [];
  const others = `iifname != "lo" iifname != "${name}"`;
  return [`${others} ip daddr ${subnet} drop`, `${others} ip saddr ${subnet} drop`];
}

function notFrom(bridges: readonly string[]): string {
  return bridges.map((bridge) => `iifname != "${bridge}" `).join('');
}
