// WireGuard peers of one interface: keys and networks are each given to one of them, and don't take the bridge's away.

import { overlap, parseAddress, showAddress } from '../../address.ts';
import { entries } from '../draft.ts';
import { type Link, subnet } from '../link.ts';
import type { Finding } from '../problem.ts';
import { containerPath, repeated, type Rule, type View } from './rule.ts';

export const peers: Rule = (view) => view.links.flatMap((link) => interfaces(view, link));

function interfaces({ draft }: View, { index, bridge, container }: Link): readonly Finding[] {
  const outer = bridge === null ? null : subnet(draft, bridge);
  return Object.entries(container.config ?? {}).flatMap(([name, config]) => {
    if (config === undefined || !('peers' in config)) return [];
    const list = entries(config.peers).map(([position, peer]) => ({
      peer,
      path: containerPath(index, 'config', name, 'peers', position),
    }));
    const networks = list.flatMap(({ peer, path }) =>
      entries(peer.allowed_ips).map(([position, value]) => ({ value, path: [...path, 'allowed_ips', position] })),
    );
    return [
      ...repeated(
        list.map(({ peer, path }) => ({ value: peer.public_key, path: [...path, 'public_key'] })),
        () => 'another peer has this key: expected one peer for each key',
      ),
      ...repeated(
        networks,
        (value) => `${value} is given to a peer already: WireGuard would take it away from that one`,
      ),
      ...networks.flatMap(({ value, path }) => {
        const network = parseAddress(value);
        if (network === null || outer === null || !overlap(network, outer)) return [];
        return [
          {
            path,
            message: `${value} holds ${bridge}'s subnet ${showAddress(outer)}: expected the clients' addresses, like 10.99.0.2/32`,
          },
        ];
      }),
    ];
  });
}
