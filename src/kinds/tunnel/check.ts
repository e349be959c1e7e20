// Whether each tunnel lives: WARP by carrying to the Internet, the gateway by listening, to whom, and where it sends on.

import { networkOf, nthOf, parseAddress } from '../../core/address.ts';
import type { Resource } from '../../core/resource.ts';
import type { ExecResult } from '../../drivers/exec.ts';
import type { Host } from '../../drivers/host.ts';
import type { Inside } from '../inside.ts';
import type { Check } from '../kind.ts';
import { patience, trace, tracePage } from '../trace.ts';

export async function check(host: Host, wanted: readonly Resource<Inside>[]): Promise<readonly Check[]> {
  // What can't be reloaded is the tunnel that dials: WARP.
  const checks = wanted.map(({ spec }) =>
    spec.reload === null ? [carries(host, spec)] : [listens(host, spec), knows(host, spec), forwards(host, spec)],
  );
  return Promise.all(checks.flat());
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

/** Somebody who was let in by `wg set` is in no file, and would be gone with the next restart. */
async function knows(host: Host, spec: Inside): Promise<Check> {
  const name = device(spec);
  const argv = ['wg', 'show', name, 'peers'] as const;
  const { code, stdout, stderr } = await inside(host, spec, argv);
  const listed = new Set([...texts(spec).matchAll(/^PublicKey = (\S+)$/gm)].map(([, key]) => key));
  const strange = stdout.split('\n').filter((key) => key !== '' && !listed.has(key));
  const remove = `; remove it: op-dbus exec ${spec.container} -- wg set ${name} peer ${strange[0]} remove`;
  const seen = strange.length === 0 ? `${listed.size}` : `${strange.length} more than the file has${remove}`;
  return {
    name: `${spec.container}: ${name} has the file's peers alone`,
    ok: code === 0 && strange.length === 0,
    detail: code === 0 ? seen : stderr.trim(),
    command: `op-dbus exec ${spec.container} -- ${argv.join(' ')}`,
  };
}

/** Where the container would send what comes out of the tunnel: anywhere but there clients are cut off, or worse. */
async function forwards(host: Host, spec: Inside): Promise<Check> {
  const ip = parseAddress(/^Address = (\S+)$/m.exec(texts(spec))?.[1] ?? '');
  const client = ip === null ? null : nthOf(networkOf(ip), ip.ip === nthOf(networkOf(ip), 2) ? 3 : 2);
  const argv = ['ip', 'route', 'get', someone, 'from', client ?? '', 'iif', device(spec)] as const;
  const { code, stdout, stderr } = await inside(host, spec, argv);
  const way = /\bvia (\S+) dev (\S+)/.exec(stdout);
  const on = (await host.containers.list()).find(({ name }) => name === spec.container)?.definition;
  return {
    name: `${spec.container}: a client's packet goes on to the bridge`,
    ok: code === 0 && way?.[1] === on?.gateway && way?.[1] !== undefined,
    detail: way === null ? stderr.trim() || stdout.trim() || 'no route' : `via ${way[1]} on ${way[2]}`,
    command: `op-dbus exec ${spec.container} -- ${argv.join(' ')}`,
  };
}

/** An address of the Internet: no packet is sent to it. */
const someone = '198.51.100.1';

function texts({ files }: Inside): string {
  return Object.values(files)
    .map(({ text }) => text)
    .join('\n');
}

function device(spec: Inside): string {
  return spec.device ?? spec.unit;
}

async function inside(host: Host, spec: Inside, argv: readonly [string, ...string[]]): Promise<ExecResult> {
  try {
    return await host.containers.exec(spec.container, [...argv]);
  } catch (error) {
    return { code: 1, stdout: '', stderr: error instanceof Error ? error.message : String(error) };
  }
}
