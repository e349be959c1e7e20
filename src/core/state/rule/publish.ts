// Ports that the host lets in from outside: one container for each.

import { meshPort } from '../../netmaker.ts';
import type { Link } from '../link.ts';
import { type Claim, containerPath, repeated, type Rule } from './rule.ts';

export const published: Rule = ({ links }) =>
  repeated(
    links.flatMap(claims),
    (port) => `${port} is published by another container or interface already: expected another port`,
  );

/** WireGuard listens on udp, also a mesh's, a VPS's proxy on tcp. A socks inbound stays inside. */
function claims({ index, id, container }: Link): readonly Claim[] {
  if (container.properties?.network_type === 'netmaker' && id !== null)
    return [{ value: `udp ${meshPort(id)}`, path: containerPath(index, 'properties', 'network_type') }];
  return Object.entries(container.config ?? {}).flatMap(([name, config]): readonly Claim[] => {
    if (config === undefined) return [];
    if ('listen_port' in config) {
      if (config.listen_port === undefined) return [];
      return [{ value: `udp ${config.listen_port}`, path: containerPath(index, 'config', name, 'listen_port') }];
    }
    if (!('inbound' in config) || config.inbound?.protocol === undefined) return [];
    if (config.inbound.protocol === 'socks' || config.inbound.port === undefined) return [];
    return [{ value: `tcp ${config.inbound.port}`, path: containerPath(index, 'config', name, 'inbound', 'port') }];
  });
}
