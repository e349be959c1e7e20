// Whether each container is in its mesh: by its interface, whatever netclient has said.

import { setTimeout as sleep } from 'node:timers/promises';
import type { Resource } from '../../core/resource.ts';
import type { Host } from '../../drivers/host.ts';
import type { Inside } from '../inside.ts';
import type { Check } from '../kind.ts';
import { patience } from '../trace.ts';
import { device } from './script.ts';
import { stateOf } from './state.ts';
import { addressOf } from './status.ts';

export async function check(host: Host, wanted: readonly Resource<Inside>[]): Promise<readonly Check[]> {
  return Promise.all(wanted.map(({ spec }) => joined(host, spec)));
}

async function joined(host: Host, { container, unit }: Inside): Promise<Check> {
  const told = await settled(host, container);
  const address = await addressOf(host, container, 5000);
  const ok = told?.state === 'joined' && address !== null;
  const waits = told === null ? `${unit} has said nothing yet` : `waiting: ${told.reason}`;
  const why = told?.state === 'joined' ? `joined, but ${device} has no address` : waits;
  return {
    name: `${container}: is in its Netmaker mesh`,
    ok,
    detail: ok ? `${device} has ${address}` : `${why}\nmend: op-dbus exec ${container} -- journalctl -u ${unit}`,
    command: `op-dbus exec ${container} -- ip -4 address show dev ${device}`,
  };
}

/** A join that has just begun may come to its end meanwhile. */
async function settled(host: Host, container: string): ReturnType<typeof stateOf> {
  for (const end = Date.now() + patience * 1000; ; await sleep(500)) {
    const told = await stateOf(host, container).catch(() => null);
    if (told?.state === 'joined' || Date.now() > end) return told;
  }
}
