// Whether each web server runs and listens.

import type { Resource } from '../../core/resource.ts';
import { webPort } from '../../core/topology.ts';
import type { Host } from '../../drivers/host.ts';
import type { Inside } from '../inside.ts';
import type { Part } from '../kind.ts';
import { deadline, live } from '../live.ts';

export async function status(host: Host, wanted: readonly Resource<Inside>[]): Promise<readonly Part[]> {
  return Promise.all(wanted.map(({ spec }) => part(host, spec)));
}

async function part(host: Host, spec: Inside): Promise<Part> {
  const { waiting, active } = await live(host, spec);
  const listens = active ? await listening(host, spec.container) : null;
  const lacks = waiting ?? (listens === true ? null : `${spec.unit} to listen on port ${webPort}`);
  const facts = { active, listens };
  return { hop: spec.container, name: spec.unit, up: lacks === null, waiting: lacks, facts, peers: [] };
}

async function listening(host: Host, container: string): Promise<boolean> {
  const found = await host.containers.exec(container, ['ss', '-Hlnt'], { deadline }).catch(() => null);
  return found !== null && new RegExp(`:${webPort}\\s`).test(found.stdout);
}
