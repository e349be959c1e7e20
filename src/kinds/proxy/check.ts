// Whether each proxy listens where its configuration says.

import type { Resource } from '../../core/resource.ts';
import type { Host } from '../../drivers/host.ts';
import type { Inside } from '../inside.ts';
import type { Check } from '../kind.ts';

export async function check(host: Host, wanted: readonly Resource<Inside>[]): Promise<readonly Check[]> {
  return Promise.all(wanted.map(({ spec }) => listens(host, spec)));
}

async function listens(host: Host, spec: Inside): Promise<Check> {
  const config = JSON.parse(spec.files['/etc/xray/config.json']?.text ?? '{}') as {
    inbounds?: readonly { readonly port: number }[];
  };
  const ports = (config.inbounds ?? []).map(({ port }) => port);
  const { stdout } = await host.containers.exec(spec.container, ['ss', '-Hlntu']).catch(() => ({ stdout: '' }));
  const missing = ports.filter((port) => !new RegExp(`:${port}\\s`).test(stdout));
  return {
    name: `${spec.container}: the proxy listens`,
    ok: ports.length > 0 && missing.length === 0,
    detail: missing.length === 0 ? `ports ${ports.join(', ')}` : `nothing on port ${missing.join(', ')}`,
    command: `op-dbus exec ${spec.container} -- ss -lntu`,
  };
}
