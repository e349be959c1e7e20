// Whether each tunnel lives: WARP by carrying to the Internet, the gateway by listening; its peers; the clients' way.

import type { Resource } from '../../core/resource.ts';
import type { Host } from '../../drivers/host.ts';
import type { Inside } from '../inside.ts';
import type { Check } from '../kind.ts';
import { patience, trace, tracePage } from '../trace.ts';
import { ask } from './ask.ts';
import { deviceOf } from './device.ts';
import { peers } from './peer.ts';
import { ways } from './way.ts';

export async function check(host: Host, wanted: readonly Resource<Inside>[]): Promise<readonly Check[]> {
  // What can't be reloaded is the tunnel that dials: WARP.
  const lives = wanted.map(({ spec }) => (spec.reload === null ? carries(host, spec) : listens(host, spec)));
  const known = wanted.map(({ spec }) => peers(host, spec));
  const [found, routed] = await Promise.all([Promise.all([...lives, ...known]), ways(host, wanted)]);
  return [...found, ...routed];
}

/** curl(1): the certificate's authority is not known. */
const UNKNOWN_AUTHORITY = 60;

/** Through the whole chain: WARP's packets go by the proxy and the VPS. */
async function carries(host: Host, spec: Inside): Promise<Check> {
  const name = deviceOf(spec.unit);
  const argv = ['curl', '-sS', '--max-time', `${patience}`, '--interface', name, tracePage] as const;
  const strict = await ask(host, spec.container, argv);
  // A template knows no private authority. The tunnel's own key says who is at its end, so the answer still counts.
  const unknown = strict.code === UNKNOWN_AUTHORITY;
  const { stdout, stderr } = unknown ? await ask(host, spec.container, [...argv, '--insecure']) : strict;
  const { ip, warp } = trace(stdout);
  const by = unknown ? ' (by a certificate that the container does not know)' : '';
  return {
    name: `${spec.container}: ${name} carries to the Internet`,
    ok: warp === 'on' || warp === 'plus',
    detail: warp === null ? stderr.trim() || 'no answer' : `warp=${warp}, the Internet sees ${ip}${by}`,
    command: `op-dbus exec ${spec.container} -- ${argv.join(' ')}`,
  };
}

async function listens(host: Host, spec: Inside): Promise<Check> {
  const device = deviceOf(spec.unit);
  const argv = ['wg', 'show', device, 'latest-handshakes'] as const;
  const { code, stdout, stderr } = await ask(host, spec.container, argv);
  const newest = Math.max(0, ...stdout.split('\n').map((line) => Number(line.split('\t')[1] ?? 0)));
  const age = Math.max(0, Math.round(Date.now() / 1000 - newest));
  const seen = newest === 0 ? 'no client yet' : `last handshake ${age} s ago`;
  return {
    name: `${spec.container}: ${device} listens`,
    ok: code === 0,
    detail: code === 0 ? seen : `${stderr.trim()}\nmend: op-dbus apply, which starts ${spec.unit} again`,
    command: `op-dbus exec ${spec.container} -- ${argv.join(' ')}`,
  };
}
