// A filter's change as nft commands.

import type { Change } from '../../core/resource.ts';
import { entering } from '../entering.ts';
import { bootPath } from './observe.ts';
import { hostName, type Spec, tableName } from './schema.ts';

export function render({ name, before, after }: Change<Spec>): readonly string[] {
  if (after === null && name === hostName) return [`nft delete table inet ${tableName}`, `rm ${bootPath}`];
  const kept = `/var/lib/op-dbus/container/${name}/filter.nft`;
  if (after === null) return [`rm ${kept}`];
  if (after.text === '') return [`${prefix(name)}nft -s list table inet ${tableName}  # stays as it is`];
  if (name === hostName) return [`nft -f ${bootPath}`];
  // A container that is still to be made gets it from its start hook.
  return before === null ? [`tee ${kept}`] : [`${prefix(name)}nft -f ${kept}`];
}

/** The prefix that leads to where the table is. */
export function prefix(name: string): string {
  return name === hostName ? '' : entering(name);
}
