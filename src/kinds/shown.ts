// What WireGuard itself tells of a tunnel's peers (wg(8), `show INTERFACE …`): never the keys that are secret.

import type { ExecOptions, ExecResult } from '../drivers/exec.ts';
import type { Host } from '../drivers/host.ts';
import { ask } from './ask.ts';

export type Shown = ExecResult & {
  readonly argv: readonly string[];
  /** By the peer's public key, what stands beside it; empty when wg could not be asked. */
  readonly values: ReadonlyMap<string, readonly string[]>;
};

export async function shown(
  host: Host,
  { container, device }: { readonly container: string; readonly device: string },
  what: 'allowed-ips' | 'latest-handshakes' | 'transfer',
  options: ExecOptions = {},
): Promise<Shown> {
  const argv = ['wg', 'show', device, what] as const;
  const result = await ask(host, container, argv, options);
  const lines = result.code === 0 ? result.stdout.split('\n').filter((line) => line !== '') : [];
  const values = lines.map((line) => line.split('\t')).map(([key = '', ...rest]) => [key, rest] as const);
  return { ...result, argv, values: new Map(values) };
}

/** Seconds since a handshake's time as wg tells it; null for a peer that has had none. */
export function since(time: string | undefined): number | null {
  const at = count(time) ?? 0;
  return at === 0 ? null : Math.max(0, Math.round(Date.now() / 1000 - at));
}

/** A number as wg writes it; null for anything else. */
export function count(text: string | undefined): number | null {
  return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : null;
}
