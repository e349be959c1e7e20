// How each tunnel does now: its unit, its device, its peers' handshakes and traffic.

import { age } from '../../core/amount.ts';
import type { Resource } from '../../core/resource.ts';
import type { Host } from '../../drivers/host.ts';
import type { Inside } from '../inside.ts';
import type { Part, PeerState } from '../kind.ts';
import { deadline, live } from '../live.ts';
import { deviceOf, read } from './device.ts';
import { count, shown, since } from '../shown.ts';

export async function status(host: Host, wanted: readonly Resource<Inside>[]): Promise<readonly Part[]> {
  return Promise.all(wanted.map(({ spec }) => part(host, spec)));
}

/** WireGuard §6.1, Reject-After-Time: seconds after which a session carries nothing. */
const STALE = 180;

async function part(host: Host, spec: Inside): Promise<Part> {
  const device = deviceOf(spec.unit);
  const { waiting, active, devices } = await live(host, spec);
  const present = devices.has(device);
  const none = new Map<string, readonly string[]>();
  const [times, transfer] = present
    ? await Promise.all([
        shown(host, { container: spec.container, device }, 'latest-handshakes', { deadline }),
        shown(host, { container: spec.container, device }, 'transfer', { deadline }),
      ])
    : [{ code: 0, values: none, stderr: '' }, { values: none }];
  // Peers that are in no file are what `verify` tells of.
  const peers = read(spec).peers.map(({ key }): PeerState => {
    const [received, sent] = transfer.values.get(key) ?? [];
    const [time] = times.values.get(key) ?? [];
    return { key, handshake: since(time), received: count(received), sent: count(sent) };
  });
  const fresh = peers.some(({ handshake }) => handshake !== null && handshake < STALE);
  const lacks =
    waiting ??
    (present ? null : `the device ${device}: op-dbus apply`) ??
    (times.code === 0 ? null : `an answer of wg: ${times.stderr.trim()}`) ??
    // A client that is silent is no fault; WARP, which we dial, is to answer.
    (fresh || spec.reload !== null ? null : dialled(spec, peers));
  return { hop: spec.container, name: device, up: lacks === null, waiting: lacks, facts: { active, present }, peers };
}

function dialled(spec: Inside, peers: readonly PeerState[]): string {
  const ages = peers.flatMap(({ handshake }) => handshake ?? []);
  const last = ages.length === 0 ? 'there was none yet' : `the last was ${age(Math.min(...ages))} ago`;
  return `a handshake with ${read(spec).peers[0]?.endpoint}: ${last}`;
}
