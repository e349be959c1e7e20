// A filter's change as nft commands.

import type { Change } from '../../core/resource.ts';
import { bootPath } from './observe.ts';
import { hostName, type Spec, tableName } from './schema.ts';

export function render({ name, after }: Change<Spec>): readonly string[] {
  if (after === null && name === hostName) return [`nft delete table inet ${tableName}`, `rm ${bootPath}`];
  if (after === null) return [`${entering(name)}nft delete table inet ${tableName}`];
  if (after.text === '') return [`${entering(name)}nft -s list table inet ${tableName}  # stays as it is`];
  return name === hostName
    ? [`nft -f ${bootPath}`]
    : [`${entering(name)}nft -f /var/lib/op-dbus/container/${name}/filter.nft`];
}

/** The prefix that enters the container's network namespace. */
export function entering(name: string): string {
  return name === hostName ? '' : `nsenter --net=/proc/$(lxc-info -n ${name} -pH)/ns/net `;
}
