// How each proxy does now: its unit, its ports, and whether the server answers by TLS (openssl-s_client(1)).

import type { Resource } from '../../core/resource.ts';
import type { Host } from '../../drivers/host.ts';
import type { Inside } from '../inside.ts';
import type { Part } from '../kind.ts';
import { deadline, live } from '../live.ts';
import { silent } from './inbound.ts';
import { server } from './outbound.ts';

export async function status(host: Host, wanted: readonly Resource<Inside>[]): Promise<readonly Part[]> {
  return Promise.all(wanted.map(({ spec }) => part(host, spec)));
}

async function part(host: Host, spec: Inside): Promise<Part> {
  const { waiting, active } = await live(host, spec);
  const [missing, answers] = active
    ? await Promise.all([silent(host, spec, { deadline }), answering(host, spec)])
    : [null, null];
  const listens = missing === null ? null : missing.length === 0;
  const lacks =
    waiting ??
    (missing === null ? 'an answer of its container' : null) ??
    (listens ? null : `${spec.unit} to listen on port ${missing?.join(', ')}`) ??
    (answers === false ? `an answer from ${server(spec)?.at}` : null);
  return {
    hop: spec.container,
    name: spec.unit,
    up: lacks === null,
    waiting: lacks,
    facts: { active, listens, answers },
    peers: [],
  };
}

/** Exit status of timeout(1) and of lxc-attach for a program that isn't there. */
const MISSING = 127;

/** A TLS handshake from inside the container, the only one that may reach the server; null: can't be asked. */
async function answering(host: Host, spec: Inside): Promise<boolean | null> {
  const there = server(spec);
  if (there === null) return null;
  const name = there.name === null ? ['-noservername'] : ['-servername', there.name];
  const argv = ['timeout', '2', 'openssl', 's_client', '-brief', '-connect', there.at, ...name] as const;
  const result = await host.containers.exec(spec.container, argv, { deadline }).catch(() => null);
  return result === null || result.code === MISSING ? null : result.code === 0;
}
