// Whether each tunnel lives: WARP by carrying to the Internet, the gateway by listening.

import type { Resource } from '../../core/resource.ts';
import type { ExecResult } from '../../drivers/exec.ts';
import type { Host } from '../../drivers/host.ts';
import type { Inside } from '../inside.ts';
import type { Check } from '../kind.ts';
import { patience, trace, tracePage } from '../trace.ts';

export async function check(host: Host, wanted: readonly Resource<Inside>[]): Promise<readonly Check[]> {
  // What can't be reloaded is the tunnel that dials: WARP.
  return Promise.all(wanted.map(({ spec }) => (spec.reload === null ? carries(host, spec) : listens(host, spec))));
}

/** Through the whole chain: WARP's packets go by the proxy and the VPS. */
async function carries(host: Host, spec: Inside): Promise<Check> {
  const name = device(spec);
  // No certificate is asked for: the tunnel's own key says who is at its end, and a template knows no private authority.
  const argv = ['curl', '-sSk', '--max-time', `${patience}`, '--interface', name, tracePage] as const;
  const { stdout, stderr } = await inside(host, spec, argv);
  const { ip, warp } = trace(stdout);
  return {
    name: `${spec.container}: ${name} carries to the Internet`,
    ok: warp === 'on' || warp === 'plus',
    detail: warp === null ? stderr.trim() || 'no answer' : `warp=${warp}, the Internet sees ${ip}`,
    command: `op-dbus exec ${spec.container} -- ${argv.join(' ')}`,
  };
}

async function listens(host: Host, spec: Inside): Promise<Check> {
  const argv = ['wg', 'show', device(spec), 'latest-handshakes'] as const;
  const { code, stdout, stderr } = await inside(host, spec, argv);
  const newest = Math.max(0, ...stdout.split('\n').map((line) => Number(line.split('\t')[1] ?? 0)));
  const age = Math.max(0, Math.round(Date.now() / 1000 - newest));
  const seen = newest === 0 ? 'no client yet' : `last handshake ${age} s ago`;
  return {
    name: `${spec.container}: ${device(spec)} listens`,
    ok: code === 0,
    detail: code === 0 ? seen : stderr.trim(),
    command: `op-dbus exec ${spec.container} -- ${argv.join(' ')}`,
  };
}

function device(spec: Inside): string {
  return spec.unit.replace('wg-quick@', '');
}

async function inside(host: Host, spec: Inside, argv: readonly [string, ...string[]]): Promise<ExecResult> {
  try {
    return await host.containers.exec(spec.container, [...argv]);
  } catch (error) {
    return { code: 1, stdout: '', stderr: error instanceof Error ? error.message : String(error) };
  }
}
