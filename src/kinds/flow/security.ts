// Table 0: what never passes, whoever sends it.

import { from, parties, type Rule, rule, type Scene } from './scene.ts';

/**
 * Always there on a bridge with a chain, at every level: what would pass by the pins. A tagged packet still matches `ip`,
 * and IPv6 is shut until it is configured end to end.
 */
export function shut(): readonly Rule[] {
  return [rule(0xdead0011, 32000, ['vlan_tci=0x1000/0x1000'], ['drop']), rule(0xdead0005, 31900, ['ipv6'], ['drop'])];
}

/** Level 1: stateless drops. Without a chain only what no network carries; a learning switch needs DHCP and fragments. */
export function security(scene: Scene): readonly Rule[] {
  if (!scene.security) return [];
  const drops = scene.bridge.chain ? [...anywhere, ...onChain, ...fragments(scene)] : anywhere;
  return drops.map(([cookie, priority, ...match]) => rule(cookie, priority, match, ['drop']));
}

/**
 * Fragments hide ports from every rule that looks at them. But a client's datagram may be larger than its tunnel carries,
 * and so may its answer: between the gateway and the next container they pass, and conntrack puts them together on the
 * way. The gateway has no other way out, the next one only by its pin, which looks at ports.
 */
function fragments(scene: Scene): readonly Drop[] {
  const open = new Set(
    scene.members.flatMap(({ id, role, next }) => (role === 'gateway' && typeof next === 'number' ? [id, next] : [])),
  );
  if (open.size === 0) return [[0xdead0003, 31800, 'ip', 'nw_frag=yes']];
  return parties(scene)
    .filter(({ id }) => !open.has(id))
    .map((party): Drop => [0xdead0003, 31800, 'ip', from(party), 'nw_frag=yes']);
}

type Drop = readonly [cookie: number, priority: number, ...match: readonly string[]];

const anywhere: readonly Drop[] = [
  // A sender that is a group.
  [0xdead0010, 32000, 'dl_src=01:00:00:00:00:00/01:00:00:00:00:00'],
  // TCP flags that only scanners send: none, "Christmas tree", SYN with FIN or RST, FIN without ACK; port 0.
  [0xdead0001, 31700, 'tcp', 'tcp_flags=-fin-syn-rst-psh-ack-urg'],
  [0xdead0002, 31700, 'tcp', 'tcp_flags=+fin+psh+urg'],
  [0xdead0012, 31700, 'tcp', 'tcp_flags=+fin+syn'],
  [0xdead0013, 31700, 'tcp', 'tcp_flags=+syn+rst'],
  [0xdead0014, 31700, 'tcp', 'tcp_flags=+fin-ack'],
  [0xdead0015, 31700, 'tcp', 'tp_src=0'],
  [0xdead0015, 31700, 'tcp', 'tp_dst=0'],
  // Loopback on a wire; multicast as a sender (RFC 6890 §2.2.2, RFC 1112 §7.2).
  [0xdead0016, 31600, 'ip', 'nw_src=127.0.0.0/8'],
  [0xdead0008, 31600, 'ip', 'nw_src=224.0.0.0/3'],
  [0xdead0018, 31600, 'ip', 'nw_dst=127.0.0.0/8'],
];

const onChain: readonly Drop[] = [
  [0xdead0007, 31600, 'ip', 'nw_src=0.0.0.0/8'],
  [0xdead0017, 31600, 'ip', 'nw_dst=0.0.0.0/8'],
  [0xdead0019, 31600, 'ip', 'nw_dst=169.254.0.0/16'],
  [0xdead001a, 31600, 'ip', 'nw_dst=224.0.0.0/3'],
];
