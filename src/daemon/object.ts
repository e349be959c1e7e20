// What the host is to be as objects on the bus: containers, bridges, policies. Pure.

import type { Resource } from '../core/resource.ts';
import type { ServedInterface, Value } from '../drivers/dbus/contract.ts';
import { parseFlow } from '../drivers/openflow/text.ts';

/** What the host is to be: resources, and the policies of the state. */
export type Aim = {
  readonly wanted: readonly Resource[];
  readonly policies: readonly Policy[];
};

type Policy = {
  readonly name: string;
  readonly selector: string;
  readonly template: { readonly table: number; readonly priority: number };
};

export type Served = {
  readonly name: string;
  /** Property → its signature and value. */
  readonly properties: Readonly<Record<string, readonly [signature: string, value: Value]>>;
  readonly interface: () => ServedInterface;
};

/** By object path. Specs hold no secrets, and only what is plain is shown. */
export function objectsOf({ wanted, policies }: Aim): ReadonlyMap<string, Served> {
  const found = [...wanted.flatMap((one) => describe(one) ?? []), ...policies.map(policy)];
  return new Map(found.map(({ sort, name, served: one }) => [`/org/opdbus1/${sort}/${label(name)}`, one]));
}

type Described = { readonly sort: 'container' | 'bridge' | 'policy'; readonly name: string; readonly served: Served };

function policy({ name, selector, template }: Policy): Described {
  const { table, priority } = template;
  const properties: Served['properties'] = {
    Selector: ['s', selector],
    Table: ['u', table],
    Priority: ['u', priority],
  };
  return { sort: 'policy', name, served: served('org.opdbus1.Policy', name, properties) };
}

function describe({ kind, name, spec }: Resource): Described | null {
  const of = spec as Readonly<Record<string, Value>>;
  if (kind === 'container') {
    const properties: Served['properties'] = {
      Id: ['u', of['id'] ?? 0],
      Address: ['s', of['address'] ?? ''],
      Bridge: ['s', of['bridge'] ?? ''],
      Template: ['s', of['template'] ?? ''],
    };
    return { sort: 'container', name, served: served('org.opdbus1.Container', name, properties) };
  }
  if (kind === 'flow') {
    const flows = (spec as { readonly flows: readonly string[] }).flows;
    const tables = new Set(flows.map((line) => parseFlow(line).table));
    const properties: Served['properties'] = {
      Flows: ['u', flows.length],
      Meters: ['u', (spec as { readonly meters: readonly string[] }).meters.length],
      Tables: ['au', [...tables].toSorted((a, b) => a - b)],
    };
    return { sort: 'bridge', name, served: served('org.opdbus1.Bridge', name, properties) };
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
function label(name: string): string {
  return name.replaceAll(/[^A-Za-z0-9]/g, (one) => `_${one.charCodeAt(0).toString(16).padStart(2, '0')}`) || '_';
}
