// The keys that WireGuard interfaces need.

import type { Topology } from '../../core/topology.ts';
import type { Content } from '../kind.ts';

export function contents({ members }: Topology): readonly Content[] {
  return members.flatMap(({ name, wireguard, warp }) => {
    const key = (path: string, hint: string): Content => ({
      container: name,
      path,
      sort: 'WireGuard key',
      required: true,
      hint,
    });
    const own = Object.values(wireguard).flatMap(({ private_key_file, peers }) => [
      key(private_key_file, 'Make one with wg genkey, or let op-dbus init --generate make it.'),
      ...peers.flatMap(({ preshared_key_file: path }) => (path ? [key(path, 'Make one with wg genpsk.')] : [])),
    ]);
    return warp === null
      ? own
      : [
          ...own,
          key(
            warp.private_key_file,
            'op-dbus warp register --state FILE, or warp import wgcf-profile.conf --state FILE, brings it.',
          ),
        ];
  });
}
