// The interfaces that every object has (D-Bus Specification, "Standard Interfaces"), and the standard errors.

import { readFile } from 'node:fs/promises';
import type { OpError } from '../../error.ts';
import {
  type Caller,
  refusal,
  type ServedInterface,
  type ServedProperty,
  textOf,
  type Value,
  type Variant,
} from './contract.ts';
import { misfit } from './value.ts';
import { typeOf } from './signature.ts';

export type Tree = {
  readonly objects: ReadonlyMap<string, readonly ServedInterface[]>;
  readonly managers: ReadonlySet<string>;
};

/** A method that was found, to be run. */
export type Found = {
  readonly out: string;
  readonly run: (args: readonly Value[], caller: Caller) => Promise<readonly Value[]>;
};

/** The values of all properties that an interface has. */
export function propertiesOf({ properties = {} }: ServedInterface): Readonly<Record<string, Variant>> {
  return Object.fromEntries(Object.entries(properties).map(([name, one]) => [name, valueOf(one)]));
}

/** Whether a path lies below another. */
export function below(upper: string, path: string): boolean {
  return path !== upper && path.startsWith(upper === '/' ? '/' : `${upper}/`);
}

export const standard = {
  interfaces,
  unknownObject: (path: string) => error('UnknownObject', `there is no object ${path}`),
  unknownInterface: (path: string, name: string) => error('UnknownInterface', `${path} has no interface ${name}`),
  unknownMethod: (member: string, name: string | undefined) =>
    error('UnknownMethod', `there is no method ${member}${name === undefined ? '' : ` in ${name}`}`),
  invalidArguments: (member: string, expected: string, got: string) =>
    error('InvalidArgs', `${member}: expected arguments of type "${expected}", not "${got}"`),
} as const;

const prefix = 'org.freedesktop.DBus';

function error(name: string, message: string): OpError {
  return refusal(`${prefix}.Error.${name}`, message);
}

/** The standard interfaces of the object at a path; `describe` gives its introspection data. */
function interfaces(tree: Tree, path: string, describe: () => string): readonly ServedInterface[] {
  const own = tree.objects.get(path) ?? [];
  const always = [peer, introspectable(describe), propertiesInterface(path, own)];
  return tree.managers.has(path) ? [...always, manager(tree, path)] : always;
}

const peer: ServedInterface = {
  name: `${prefix}.Peer`,
  methods: {
    Ping: { in: [], out: [], call: async () => [] },
    GetMachineId: {
      in: [],
      out: [{ name: 'machine_uuid', signature: 's' }],
      call: async () => [(await readFile('/etc/machine-id', 'utf8').catch(() => '')).trim()],
    },
  },
};

function introspectable(describe: () => string): ServedInterface {
  const out = [{ name: 'xml_data', signature: 's' }];
  return {
    name: `${prefix}.Introspectable`,
    methods: { Introspect: { in: [], out, call: async () => [describe()] } },
  };
}

function propertiesInterface(path: string, own: readonly ServedInterface[]): ServedInterface {
  const named = (name: string): ServedInterface => {
    const found = own.find((one) => one.name === name);
    if (found === undefined) throw standard.unknownInterface(path, name);
    return found;
  };
  const one = (of: string, name: string): ServedProperty => {
    const { properties = {} } = named(of);
    const found = Object.hasOwn(properties, name) ? properties[name] : undefined;
    if (found === undefined) throw error('UnknownProperty', `${of} has no property ${name}`);
    return found;
  };
  const [of, property] = [
    { name: 'interface_name', signature: 's' },
    { name: 'property_name', signature: 's' },
  ];
  const all = { name: 'properties', signature: 'a{sv}' };
  return {
    name: `${prefix}.Properties`,
    methods: {
      Get: {
        in: [of, property],
        out: [{ name: 'value', signature: 'v' }],
        call: async ([name, key]) => [valueOf(one(textOf(name), textOf(key)))],
      },
      GetAll: { in: [of], out: [all], call: async ([name]) => [propertiesOf(named(textOf(name)))] },
      Set: {
        in: [of, property, { name: 'value', signature: 'v' }],
        out: [],
        call: async ([name, key, value], caller) => {
          await set(textOf(key), one(textOf(name), textOf(key)), value as Variant, caller);
          return [];
        },
      },
    },
    signals: {
      PropertiesChanged: [of, { ...all, name: 'changed' }, { name: 'invalidated', signature: 'as' }],
    },
  };
}

async function set(
  name: string,
  property: ServedProperty,
  { signature, value }: Variant,
  caller: Caller,
): Promise<void> {
  if (property.set === undefined) throw error('PropertyReadOnly', `${name} is read-only`);
  if (signature !== property.signature || misfit(typeOf(signature), value) !== null)
    throw standard.invalidArguments(name, property.signature, signature);
  await property.set(value, caller);
}

function manager(tree: Tree, path: string): ServedInterface {
  const object = { name: 'object_path', signature: 'o' };
  return {
    name: `${prefix}.ObjectManager`,
    methods: {
      GetManagedObjects: {
        in: [],
        out: [{ name: 'objects', signature: 'a{oa{sa{sv}}}' }],
        call: async () => {
          const inside = [...tree.objects].filter(([one]) => below(path, one));
          const values = (list: readonly ServedInterface[]) =>
            Object.fromEntries(list.map((each) => [each.name, propertiesOf(each)]));
          return [Object.fromEntries(inside.map(([one, list]) => [one, values(list)]))];
        },
      },
    },
    signals: {
      InterfacesAdded: [object, { name: 'interfaces', signature: 'a{sa{sv}}' }],
      InterfacesRemoved: [object, { name: 'interfaces', signature: 'as' }],
    },
  };
}

function valueOf({ signature, get }: ServedProperty): Variant {
  return { signature, value: get() };
}
