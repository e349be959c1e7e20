// Our rules by their protocol, and what is kept of them for the next boot.

import type { Resource } from '../../core/resource.ts';
import type { Host } from '../../drivers/host.ts';
import type { Family } from '../../drivers/net/contract.ts';
import type { Spec } from './schema.ts';
import { bootRules, bootText, sorted } from './text.ts';

export async function observe(host: Host): Promise<readonly Resource<Spec>[]> {
  const found = await Promise.all((['ipv4', 'ipv6'] as const).map((name) => seen(host, name)));
  return found.flatMap((resource) => resource ?? []);
}

/** What the start hook of containers adds after a boot, before forwarding is turned on. */
export function bootPath(name: string): string {
  return `/var/lib/op-dbus/rule/${name}`;
}

export function familyOf(name: string): Family {
  return name === 'ipv6' ? 6 : 4;
}

/** Our rules in force, in order; null when the kernel has no such family: then there is nothing to shut. */
export async function live(host: Host, name: string): Promise<readonly string[] | null> {
  const rules = await host.net.rules(familyOf(name));
  return rules === null ? null : sorted(rules.filter(({ ours }) => ours).map(({ text }) => text));
}

async function seen(host: Host, name: string): Promise<Resource<Spec> | null> {
  const [rules, kept] = await Promise.all([live(host, name), host.files.read(bootPath(name))]);
  if (kept === null && (rules ?? []).length === 0) return null;
  const sound = kept === null ? [] : rules === null ? bootRules(kept) : kept === bootText(rules) ? rules : [];
  return { kind: 'rule', name, spec: { rules: sound } };
}
