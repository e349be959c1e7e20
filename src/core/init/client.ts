// The WireGuard configuration of a client of the gateway, for wg-quick(8) or a phone's app.

import { OpError } from '../../error.ts';
import { contains, nthOf, parseAddress, showAddress } from '../address.ts';
import { isHost } from '../state/format.ts';
import type { WireguardState } from '../state/schema.ts';

export type Client = {
  /** A secret. */
  readonly privateKey: string;
  /** `10.99.0.2/32`, as `nextAddress` gives it. */
  readonly address: string;
  /** The gateway's public key. */
  readonly serverKey: string;
  /** Where the client reaches the gateway: the host's address or name (or a word to fill in, THIS_HOST), and wg0's port. */
  readonly host: string;
  readonly port: number;
  /** What its packets may have to fit into WARP's. */
  readonly mtu: number;
};

/**
 * IPv6 does not pass the chain, so the client's goes into the tunnel too, and ends there: left alone it would leave by the
 * LAN's own router in clear. wg-quick needs some address for that.
 */
const inner6 = 'fd00:0:0:99::2/128';

/** The text of the file; the private key is in it. @throws OpError `usage` when the host is neither name nor address. */
export function clientConfig({ privateKey, address, serverKey, host, port, mtu }: Client): string {
  if (!isHost(host) && !/^[A-Z_]+$/.test(host))
    throw new OpError('usage', 'expected an IPv4 address or a host name', { at: '--endpoint' });
  return `[Interface]
PrivateKey = ${privateKey}
Address = ${address}, ${inner6}
DNS = 1.1.1.1
MTU = ${mtu}

[Peer]
PublicKey = ${serverKey}
AllowedIPs = 0.0.0.0/0, ::/0
Endpoint = ${host}:${port}
PersistentKeepalive = 25
`;
}

/**
 * The first free address of the interface's network, `10.99.0.2/32`: not the interface's own, and no peer's that has an
 * address to itself. A peer with a wider network (the profile's 10.99.0.0/24) takes none. @throws OpError `usage` when full.
 */
export function nextAddress({ address, peers }: Pick<WireguardState, 'address' | 'peers'>): string {
  const own = parseAddress(address);
  if (own === null) throw new OpError('usage', 'expected an IPv4 address with prefix', { at: 'address' });
  const taken = new Set([
    own.ip,
    ...peers.flatMap((peer) => peer.allowed_ips.map((each) => each.replace(/\/32$/, ''))),
  ]);
  const last = 2 ** (32 - own.prefix) - 1;
  for (let n = 1; n < last; n++) {
    const ip = nthOf(own, n);
    if (ip !== null && contains(own, ip) && !taken.has(ip)) return showAddress({ ip, prefix: 32 });
  }
  throw new OpError('usage', `no address is free in ${showAddress(own)}`, { at: 'address' });
}
