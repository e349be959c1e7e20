// Whether each container runs, with the device that its switch port has now.

import type { Resource } from '../../core/resource.ts';
import type { Container } from '../../drivers/container/contract.ts';
import type { Host } from '../../drivers/host.ts';
import type { Part } from '../kind.ts';
import type { Spec } from './schema.ts';

export async function status(host: Host, wanted: readonly Resource<Spec>[]): Promise<readonly Part[]> {
  const found = await host.containers.list().catch((error: unknown) => String(error));
  return wanted.map(({ name, spec }) => {
    const there = typeof found === 'string' ? undefined : found.find((one) => one.name === name);
    const waiting = typeof found === 'string' ? `an answer: ${found}` : lacks(there, spec);
    const facts = { running: there?.running ?? null, attached: there?.running ? there.attached : null };
    return { hop: name, name: 'container', up: waiting === null, waiting, facts, peers: [] };
  });
}

function lacks(found: Container | undefined, { port, running }: Spec): string | null {
  if (found === undefined) return 'its making: op-dbus apply';
  if (!found.running) return running ? 'its start: op-dbus apply' : null;
  return found.attached ? null : `${port.device}, which the switch has made anew: op-dbus apply`;
}
