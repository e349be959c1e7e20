// Where a proxy takes connections in, as its configuration says, and whether it does.

import type { ExecOptions } from '../../drivers/exec.ts';
import type { Host } from '../../drivers/host.ts';
import type { Inside } from '../inside.ts';

export type Inbound = { readonly protocol: string; readonly listen: string; readonly port: number };

export function inbounds(spec: Inside): readonly Inbound[] {
  const text = spec.files['/etc/xray/config.json']?.text ?? '{}';
  return (JSON.parse(text) as { readonly inbounds?: readonly Inbound[] }).inbounds ?? [];
}

/** The ports on which nobody listens; null when the container can't be asked. */
export async function silent(host: Host, spec: Inside, options: ExecOptions = {}): Promise<readonly number[] | null> {
  const found = await host.containers.exec(spec.container, ['ss', '-Hlntu'], options).catch(() => null);
  if (found === null) return null;
  const ports = inbounds(spec).map(({ port }) => port);
  return ports.filter((port) => !new RegExp(`:${port}\\s`).test(found.stdout));
}
