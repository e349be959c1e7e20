// What the host is to be as objects on the bus: containers, bridges, policies. Pure.

import type { Resource } from '../core/resource.ts';
import type { ServedInterface, Value } from '../drivers/dbus/contract.ts';
import { parseFlow } from '../drivers/openflow/text.ts';

export type Served = {
  readonly name: string;
  /** Property → its signature and value. */
  readonly properties: Readonly<Record<string, readonly [signature: string, value: Value]>>;
  readonly interface: () => ServedInterface;
};

/** By object path. Specs hold no secrets, and only what is plain is shown. */
export function objectsOf(wanted: readonly Resource[]): ReadonlyMap<string, Served> {
  return new Map(
    wanted.flatMap((resource) => {
      const found = describe(resource);
      return found === null ? [] : [[`/org/opdbus1/${resource.kind}/${label(resource.name)}`, found] as const];
    }),
  );
}

function describe({ kind, name, spec }: Resource): Served | null {
  const of = spec as Readonly<Record<string, Value>>;
  if (kind === 'container')
    return served('org.opdbus1.Container', name, {
      Id: ['u', of['id'] ?? 0],
      Address: ['s', of['address'] ?? ''],
      Bridge: ['s', of['bridge'] ?? ''],
      Template: ['s', of['template'] ?? ''],
    });
  if (kind === 'flow') {
    const flows = (spec as { readonly flows: readonly string[] }).flows;
    const tables = new Set(flows.map((line) => parseFlow(line).table));
    return served('org.opdbus1.Bridge', name, {
      Flows: ['u', flows.length],
      Meters: ['u', (spec as { readonly meters: readonly string[] }).meters.length],
      Tables: ['au', [...tables].toSorted((a, b) => a - b)],
    });
  }
  return null;
}

function served(name: string, what: string, more: Served['properties']): Served {
  const properties = { Name: ['s', what], ...more } as Served['properties'];
  return {
    name,
    properties,
    interface: () => ({
      name,
      properties: Object.fromEntries(
        Object.entries(properties).map(([key, [signature, value]]) => [
          key,
          { signature, get: () => value, emits: 'const' as const },
        ]),
      ),
    }),
  };
}

/** A name as an element of an object path: letters and digits, the rest by number (as systemd's bus_label_escape). */
export function label(name: string): string {
  return name.replaceAll(/[^A-Za-z0-9]/g, (one) => `_${one.charCodeAt(0).toString(16).padStart(2, '0')}`) || '_';
}
