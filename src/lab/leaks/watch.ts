// Captures that stay for the whole bench, outside of what is tested: both uplinks, target's, and the port of each container.

import { readFile, readlink } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { OpError } from '../../error.ts';
import { ask, pid1 } from '../host.ts';
import { COOKED, ETHERNET, reader } from '../pcap.ts';
import { type Listener, listen } from '../prove/capture.ts';
import type { Name } from '../prove/container.ts';
import type { HostName } from '../topology.ts';
import { homeUplink, type Judge, type Member, memberPort, targetUplink, vpsUplink, type Words } from './judge.ts';

type Place = 'home' | 'vps' | 'target' | `port ${Member}`;

/** A frame that may not be where it was seen: `time` in milliseconds since 1970 by the kernel's clock. */
export type Sighting = { readonly time: number; readonly place: Place; readonly what: string };

export type Watch = {
  since(time: number): readonly Sighting[];
  /** Frames seen at a place since the beginning. */
  frames(place: Place): number;
  /** @throws OpError `check` when a capture of an uplink missed something. */
  stop(): Promise<void>;
};

const CONTAINERS: Readonly<Record<Member, Name>> = { 100: 'wireguard-gateway', 101: 'warp-tunnel', 102: 'xray-client' };

/** How often the containers' namespaces are looked for, in milliseconds. */
const LOOK = 25;

export async function startWatch(words: Words): Promise<Watch> {
  const seen: Sighting[] = [];
  const counts = new Map<Place, number>();
  const take = (place: Place, link: number, judge: Judge) => {
    const read = reader(link);
    return (chunk: Buffer): void => {
      for (const { time, frame } of read(chunk)) {
        counts.set(place, (counts.get(place) ?? 0) + 1);
        const what = judge(frame);
        if (what !== null) seen.push({ time, place, what });
      }
    };
  };
  const uplinks: readonly (readonly [HostName & Place, Judge])[] = [
    ['home', homeUplink(await macs('home'), words)],
    ['vps', vpsUplink(await macs('vps'), words)],
    ['target', targetUplink(words)],
  ];
  const fixed = await Promise.all(
    uplinks.map(async ([host, judge]) => {
      const { pid } = await pid1(host);
      return listen(host, `/proc/${pid}/ns/net`, 'eth0', take(host, ETHERNET, judge));
    }),
  );
  const ports = await Promise.all(
    ([100, 101, 102] as const).map((id) => follow(id, () => take(`port ${id}`, COOKED, memberPort(id, words)))),
  );
  return {
    since: (time) => seen.filter((one) => one.time >= time),
    frames: (place) => counts.get(place) ?? 0,
    stop: async () => {
      await Promise.all(ports.map((port) => port.stop()));
      const missed = await Promise.all(fixed.map(async (one) => (one.ended() ? NaN : one.stop())));
      missed.forEach((count, at) => {
        if (count !== 0) throw new OpError('check', `the capture in ${uplinks[at]?.[0]} missed ${count} frames`);
      });
    },
  };
}

/** The MACs of both ends of a host's uplink. */
async function macs(host: HostName): Promise<readonly string[]> {
  const address = async (where: HostName, device: string): Promise<string> =>
    (await ask(where, ['cat', `/sys/class/net/${device}/address`])).trim();
  return [await address(host, 'eth0'), await address('inet', host)];
}

/** Captures in a container's network namespace, and in the next one as soon as there is one. */
async function follow(id: Member, take: () => (chunk: Buffer) => void): Promise<{ stop(): Promise<void> }> {
  const { pid } = await pid1('home');
  const root = `/proc/${pid}/root`;
  let [known, listener, going]: [string, Listener | null, boolean] = ['', null, true];
  const look = async (): Promise<void> => {
    const record = await readFile(`${root}/var/lib/op-dbus/container/${CONTAINERS[id]}/pid`, 'utf8').catch(() => '');
    const net = `${root}/proc/${record.split(' ')[0]}/ns/net`;
    const now = record === '' ? '' : await readlink(net).catch(() => '');
    if (now === known) return;
    await listener?.stop();
    [listener, known] = [null, ''];
    if (now === '') return;
    // A container that ends again before anything listens is looked for anew.
    listener = await listen('home', net, 'any', take()).catch(() => null);
    if (listener !== null) known = now;
  };
  await look();
  if (listener === null) throw new OpError('host', `${CONTAINERS[id]} doesn't run in home`);
  const loop = (async (): Promise<void> => {
    for (; going; await sleep(LOOK)) await look();
  })();
  return {
    stop: async () => {
      going = false;
      await loop;
      await listener?.stop();
    },
  };
}
