// Whether each tunnel lives: WARP by the age of its last handshake, the gateway by listening.

import type { Resource } from '../../core/resource.ts';
import type { Host } from '../../drivers/host.ts';
import type { Inside } from '../inside.ts';
import type { Check } from '../kind.ts';

/** Seconds after which WireGuard itself gives a session up (whitepaper §6.1, Reject-After-Time). */
const stale = 180;

export async function check(host: Host, wanted: readonly Resource<Inside>[]): Promise<readonly Check[]> {
  return Promise.all(wanted.map(({ spec }) => handshake(host, spec)));
}

async function handshake(host: Host, spec: Inside): Promise<Check> {
  const device = spec.unit.replace('wg-quick@', '');
  const command = ['wg', 'show', device, 'latest-handshakes'] as const;
  const { code, stdout, stderr } = await host.containers
    .exec(spec.container, [...command])
    .catch((error: unknown) => ({ code: 1, stdout: '', stderr: error instanceof Error ? error.message : '' }));
  const newest = Math.max(0, ...stdout.split('\n').map((line) => Number(line.split('\t')[1] ?? 0)));
  const age = newest === 0 ? null : Math.max(0, Math.round(Date.now() / 1000 - newest));
  const seen = age === null ? 'no handshake yet' : `last handshake ${age} s ago`;
  const dials = spec.reload === null;
  return {
    name: dials ? `${spec.container}: ${device} has a handshake` : `${spec.container}: ${device} listens`,
    ok: code === 0 && (!dials || (age !== null && age < stale)),
    detail: code === 0 ? seen : stderr.trim(),
    command: `op-dbus exec ${spec.container} -- ${command.join(' ')}`,
  };
}
