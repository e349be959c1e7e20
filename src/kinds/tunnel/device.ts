// The device that a tunnel's unit makes, and its file (wg-quick(8)).

import type { Inside } from '../inside.ts';

export function deviceOf(unit: string): string {
  return unit.replace('wg-quick@', '');
}

/** `endpoint` is empty for a peer that dials us. */
export type Peer = { readonly key: string; readonly allowed: readonly string[]; readonly endpoint: string };

/** The interface's own address and its peers, as its file has them. */
export function read({ unit, files }: Inside): { readonly address: string; readonly peers: readonly Peer[] } {
  const text = files[`/etc/wireguard/${deviceOf(unit)}.conf`]?.text ?? '';
  const [head = '', ...peers] = text.split('[Peer]');
  const value = (part: string, key: string): string => new RegExp(`^${key} = (.*)$`, 'm').exec(part)?.[1] ?? '';
  return {
    address: value(head, 'Address'),
    peers: peers.map((part) => ({
      key: value(part, 'PublicKey'),
      allowed: value(part, 'AllowedIPs').split(', '),
      endpoint: value(part, 'Endpoint'),
    })),
  };
}
