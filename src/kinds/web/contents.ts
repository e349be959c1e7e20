// The page that the web server shows, and which containers have one.

import type { Member, Topology } from '../../core/topology.ts';
import type { Content } from '../kind.ts';

export const page = '/var/www/html/index.html';

export function contents({ members }: Topology): readonly Content[] {
  return members.filter(serves).map(({ name }) => ({
    container: name,
    path: page,
    sort: 'web page',
    required: false,
    hint: 'Put a page of yours there, or nothing: then it is a plain one.',
  }));
}

/** VLESS over TLS passes strangers on to it, unless the file names another server. */
export function serves({ xray }: Member): boolean {
  const inbound = xray?.inbound;
  if (inbound?.protocol !== 'vless' || inbound.streamSettings.security !== 'tls') return false;
  return inbound.settings.fallback === undefined;
}
