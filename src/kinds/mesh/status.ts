// How each container does in its mesh: whether it has joined, by what address, its peers' handshakes and traffic.

import type { Resource } from '../../core/resource.ts';
import type { Host } from '../../drivers/host.ts';
import { ask } from '../ask.ts';
import type { Inside } from '../inside.ts';
import type { Part, PeerState } from '../kind.ts';
import { deadline, live } from '../live.ts';
import { count, shown, since } from '../shown.ts';
import { device } from './script.ts';
import { stateOf } from './state.ts';

export async function status(host: Host, wanted: readonly Resource<Inside>[]): Promise<readonly Part[]> {
  return Promise.all(wanted.map(({ spec }) => part(host, spec)));
}

async function part(host: Host, spec: Inside): Promise<Part> {
  const { container } = spec;
  const { waiting, active, devices } = await live(host, spec);
  const told = active ? await stateOf(host, container).catch(() => null) : null;
  const present = devices.has(device);
  const [address, peers] = present
    ? await Promise.all([addressOf(host, container, deadline), peersOf(host, container)])
    : [null, []];
  const joined = told?.state === 'joined';
  const lacks =
    waiting ??
    (joined ? null : `the mesh: ${told === null ? 'it has not said how far it is' : told.reason}`) ??
    (present ? null : `the device ${device}: op-dbus exec ${container} -- systemctl restart netclient`) ??
    (address === null ? `an address on ${device}` : null);
  return {
    hop: container,
    name: device,
    up: lacks === null,
    waiting: lacks,
    facts: { active, present, joined: told === null ? null : joined },
    peers,
    ...(address === null ? {} : { address }),
  };
}

/** `10.10.0.2/16`; null when it has none. */
export async function addressOf(host: Host, container: string, within: number): Promise<string | null> {
  const argv = ['ip', '-4', '-o', 'address', 'show', 'dev', device] as const;
  const { stdout } = await ask(host, container, argv, { deadline: within });
  return / inet (\d[\d.]{6,14}\/\d{1,2}) /.exec(stdout)?.[1] ?? null;
}

async function peersOf(host: Host, container: string): Promise<readonly PeerState[]> {
  const [times, transfer] = await Promise.all([
    shown(host, { container, device }, 'latest-handshakes', { deadline }),
    shown(host, { container, device }, 'transfer', { deadline }),
  ]);
  return [...times.values].map(([key, [time]]): PeerState => {
    const [received, sent] = transfer.values.get(key) ?? [];
    return { key, handshake: since(time), received: count(received), sent: count(sent) };
  });
}
