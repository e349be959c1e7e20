// Which server a proxy's configuration names: the VPS for a client, its own address for the VPS's end.

import { isIP } from 'node:net';
import type { Inside } from '../inside.ts';
import { inbounds } from './inbound.ts';

/** `at` is address and port; `name` what TLS asks for, null when that is an address or the server is its own. */
export type Server = { readonly at: string; readonly name: string | null };

type Outbound = {
  readonly settings?: { readonly vnext?: readonly { readonly address: string; readonly port: number }[] };
  readonly streamSettings?: { readonly tlsSettings?: { readonly serverName?: string } };
};

/** Null when the configuration has neither. */
export function server(spec: Inside): Server | null {
  const text = spec.files['/etc/xray/config.json']?.text ?? '{}';
  const { outbounds = [] } = JSON.parse(text) as { readonly outbounds?: readonly Outbound[] };
  const far = outbounds.flatMap(({ settings, streamSettings }) =>
    (settings?.vnext ?? []).map(({ address, port }) => ({
      at: `${address}:${port}`,
      name: named(streamSettings?.tlsSettings?.serverName),
    })),
  );
  const own = inbounds(spec).flatMap(({ protocol, listen, port }) =>
    protocol === 'vmess' || protocol === 'vless' ? [{ at: `${listen}:${port}`, name: null }] : [],
  );
  return [...far, ...own][0] ?? null;
}

/** A server name is never an address (RFC 6066 §3). */
function named(name: string | undefined): string | null {
  return name === undefined || isIP(name) !== 0 ? null : name;
}
