// How each shaper does now: its unit, and whether both ends have agreed.

import type { Resource } from '../../core/resource.ts';
import type { Host } from '../../drivers/host.ts';
import type { Inside } from '../inside.ts';
import type { Part } from '../kind.ts';
import { deadline, live } from '../live.ts';
import { told } from './tale.ts';

export async function status(host: Host, wanted: readonly Resource<Inside>[]): Promise<readonly Part[]> {
  return Promise.all(wanted.map(({ spec }) => part(host, spec)));
}

async function part(host: Host, spec: Inside): Promise<Part> {
  const { waiting, active } = await live(host, spec);
  const { tale, lacks } = active ? await told(host, spec, { deadline }) : { tale: null, lacks: null };
  const waits = waiting ?? lacks;
  return {
    hop: spec.container,
    name: spec.unit,
    up: waits === null,
    waiting: waits,
    facts: { active, agreed: tale === null ? null : tale.state === 'up' },
    peers: [],
  };
}
