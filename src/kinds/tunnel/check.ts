// Whether each tunnel lives: WARP by carrying to the Internet, the gateway by listening; its peers; the clients' way.

import type { Resource } from '../../core/resource.ts';
import type { Host } from '../../drivers/host.ts';
import type { Inside } from '../inside.ts';
import type { Check } from '../kind.ts';
import { patience } from '../trace.ts';
import { deviceOf } from './device.ts';
import { asked } from './exit.ts';
import { peers } from './peer.ts';
import { shown, since } from '../shown.ts';
import { ways } from './way.ts';

export async function check(host: Host, wanted: readonly Resource<Inside>[]): Promise<readonly Check[]> {
  // What can't be reloaded is the tunnel that dials: WARP.
  const lives = wanted.map(({ spec }) => (spec.reload === null ? carries(host, spec) : listens(host, spec)));
  const known = wanted.map(({ spec }) => peers(host, spec));
  const [found, routed] = await Promise.all([Promise.all([...lives, ...known]), ways(host, wanted)]);
  return [...found, ...routed];
}

/** Through the whole chain: WARP's packets go by the proxy and the VPS. */
async function carries(host: Host, spec: Inside): Promise<Check> {
  const { argv, known, ip, warp, why } = await asked(host, spec, patience);
  const by = known ? '' : ' (by a certificate that the container does not know)';
  return {
    name: `${spec.container}: ${deviceOf(spec.unit)} carries to the Internet`,
    ok: warp === 'on' || warp === 'plus',
    detail: warp === null ? why : `warp=${warp}, the Internet sees ${ip}${by}`,
    command: `op-dbus exec ${spec.container} -- ${argv.join(' ')}`,
  };
}

async function listens(host: Host, spec: Inside): Promise<Check> {
  const device = deviceOf(spec.unit);
  const { argv, code, stderr, values } = await shown(host, { container: spec.container, device }, 'latest-handshakes');
  const ages = [...values.values()].flatMap(([time]) => since(time) ?? []);
  const seen = ages.length === 0 ? 'no client yet' : `last handshake ${Math.min(...ages)} s ago`;
  return {
    name: `${spec.container}: ${device} listens`,
    ok: code === 0,
    detail: code === 0 ? seen : `${stderr.trim()}\nmend: op-dbus apply, which starts ${spec.unit} again`,
    command: `op-dbus exec ${spec.container} -- ${argv.join(' ')}`,
  };
}
