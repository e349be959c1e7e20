// Whether a WireGuard interface knows the file's peers and no other (wg(8), `show … allowed-ips`).

import { networkOf, parseAddress, showAddress } from '../../core/address.ts';
import type { Host } from '../../drivers/host.ts';
import type { Inside } from '../inside.ts';
import type { Check } from '../kind.ts';
import { deviceOf, read } from './device.ts';
import { type Shown, shown } from '../shown.ts';

/** A peer that was added to the living interface is in no file: the kernel alone can tell of it. */
export async function peers(host: Host, spec: Inside): Promise<Check> {
  const device = deviceOf(spec.unit);
  const { argv, code, stderr, values } = await shown(host, { container: spec.container, device }, 'allowed-ips');
  const wanted = new Map(read(spec).peers.map(({ key, allowed }) => [key, networks(allowed)]));
  const wrong = code === 0 ? differing(wanted, live(values)) : [];
  // A reload sets the peers to those of the file and cuts nobody off whose keys are in it.
  const mend = `op-dbus exec ${spec.container} -- systemctl reload ${spec.unit}`;
  return {
    name: `${spec.container}: ${device} knows the file's peers and no other`,
    ok: code === 0 && wrong.length === 0,
    detail: code !== 0 ? stderr.trim() : wrong.length === 0 ? `${wanted.size}` : [...wrong, `mend: ${mend}`].join('\n'),
    command: `op-dbus exec ${spec.container} -- ${argv.join(' ')}`,
  };
}

type Peers = ReadonlyMap<string, string>;

function live(values: Shown['values']): Peers {
  return new Map(
    [...values].map(([key, [allowed = '']]) => [key, networks(allowed === '(none)' ? [] : allowed.split(' '))]),
  );
}

/** In one order and, as WireGuard shows them, by their network addresses. */
function networks(allowed: readonly string[]): string {
  const each = allowed.map((text) => {
    const address = parseAddress(text);
    return address === null ? text : showAddress(networkOf(address));
  });
  return [...new Set(each)].toSorted().join(' ');
}

function differing(wanted: Peers, found: Peers): readonly string[] {
  const short = (key: string): string => `${key.slice(0, 8)}…`;
  return [
    ...[...found].flatMap(([key, allowed]) => {
      const right = wanted.get(key);
      if (right === undefined) return [`peer ${short(key)} (${allowed || 'no addresses'}) is not in the file`];
      return right === allowed ? [] : [`peer ${short(key)} has ${allowed || 'no addresses'} instead of ${right}`];
    }),
    ...[...wanted.keys()].flatMap((key) => (found.has(key) ? [] : [`peer ${short(key)} is missing`])),
  ];
}
