// Puts into containers what joins a mesh; whoever is to be in none any more leaves it before that goes. The same as commands.

import type { Change } from '../../core/resource.ts';
import type { Host } from '../../drivers/host.ts';
import { type Inside, renderInside } from '../inside.ts';
import { applyInside } from '../install.ts';
import { ask } from '../ask.ts';
import { program } from './script.ts';

const leave = ['sh', program, 'leave'] as const;

export async function apply(host: Host, batch: readonly Change<Inside>[]): Promise<void> {
  // A server that does not answer keeps nobody: then only the server still thinks that it is there.
  for (const { before, after } of batch)
    if (before !== null && after === null) await ask(host, before.container, leave, { deadline: 60_000 });
  await applyInside(host, 'mesh', batch);
}

export function render(change: Change<Inside>): readonly string[] {
  const left = change.after === null ? [`op-dbus exec ${change.before?.container} -- ${leave.join(' ')}`] : [];
  return [...left, ...renderInside(change)];
}
