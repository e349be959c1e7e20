// Whether each proxy listens where its configuration says, and whether the client's carries to the Internet.

import type { Resource } from '../../core/resource.ts';
import type { Host } from '../../drivers/host.ts';
import type { Inside } from '../inside.ts';
import type { Check } from '../kind.ts';
import { patience, trace, tracePage } from '../trace.ts';
import { type Inbound, inbounds, silent } from './inbound.ts';

export async function check(host: Host, wanted: readonly Resource<Inside>[]): Promise<readonly Check[]> {
  const checks = wanted.flatMap(({ spec }) => [
    listens(host, spec),
    ...inbounds(spec).flatMap((inbound) => (inbound.protocol === 'socks' ? [carries(host, spec, inbound)] : [])),
  ]);
  return Promise.all(checks);
}

async function listens(host: Host, spec: Inside): Promise<Check> {
  const ports = inbounds(spec).map(({ port }) => port);
  const missing = (await silent(host, spec)) ?? ports;
  return {
    name: `${spec.container}: the proxy listens`,
    ok: ports.length > 0 && missing.length === 0,
    detail: missing.length === 0 ? `ports ${ports.join(', ')}` : `nothing on port ${missing.join(', ')}`,
    command: `op-dbus exec ${spec.container} -- ss -lntu`,
  };
}

/** By SOCKS to the VPS and out: a wrong address, certificate or UUID, or a VPS that is down, ends here. */
async function carries(host: Host, spec: Inside, { listen, port }: Inbound): Promise<Check> {
  const argv = [
    'curl',
    '-sS',
    '--max-time',
    `${patience}`,
    '--socks5-hostname',
    `${listen}:${port}`,
    tracePage,
  ] as const;
  const { code, stdout, stderr } = await host.exec([...argv]);
  const { ip } = trace(stdout);
  return {
    name: `${spec.container}: the VPS carries to the Internet`,
    ok: code === 0 && ip !== null,
    detail: ip === null ? stderr.trim() || 'no answer' : `the Internet sees ${ip}`,
    command: argv.join(' '),
  };
}
