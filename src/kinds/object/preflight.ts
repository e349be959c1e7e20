// Whether each property is there, can be set, and is of the type of its value, by the object's own introspection.

import { didYouMean } from '../../core/state/hint.ts';
import type { Change } from '../../core/resource.ts';
import { type Bus, type ObjectDescription, refusalOf } from '../../drivers/dbus/contract.ts';
import { fromJson } from '../../drivers/dbus/json.ts';
import { typeOf } from '../../drivers/dbus/signature.ts';
import { misfit } from '../../drivers/dbus/value.ts';
import type { Host } from '../../drivers/host.ts';
import { OpError, type ErrorCode } from '../../error.ts';
import type { Spec } from './schema.ts';

/** @throws AggregateError of OpErrors: `host` for what is not there, `state` for a value of another type. */
export async function preflight(host: Host, batch: readonly Change<Spec>[]): Promise<void> {
  const bus = await host.dbus.system();
  const asked = new Map<string, Promise<ObjectDescription>>();
  const describe = ({ destination, path }: Spec): Promise<ObjectDescription> => {
    const key = `${destination} ${path}`;
    const known = asked.get(key) ?? bus.introspect(destination, path);
    asked.set(key, known);
    return known;
  };
  const wanted = batch.flatMap(({ after }) => (after === null || after.value === null ? [] : [after]));
  const found = await Promise.all(wanted.map((spec) => problem(bus, spec, () => describe(spec))));
  const [first, ...more] = found.flatMap((one) => one ?? []);
  if (first !== undefined) throw more.length === 0 ? first : new AggregateError([first, ...more]);
}

async function problem(bus: Bus, spec: Spec, describe: () => Promise<ObjectDescription>): Promise<OpError | null> {
  const { destination, path, interface: of, property, value } = spec;
  const at = `dbus.objects ${destination} ${path} ${of}.${property}`;
  const error = (code: ErrorCode, message: string, hint?: string): OpError =>
    new OpError(code, message, { at, ...(hint === undefined ? {} : { hint }) });
  let interfaces: ObjectDescription['interfaces'];
  try {
    ({ interfaces } = await describe());
  } catch (cause) {
    const name = refusalOf(cause);
    if (name === null) throw cause;
    if (/\.(ServiceUnknown|NameHasNoOwner|Spawn\..*)$/.test(name))
      return error('host', `nobody on the system bus is called ${destination}`, 'See who is there: busctl list');
    return error('host', `there is no object ${path}`, `See which there are: busctl tree ${destination}`);
  }
  const found = interfaces.find(({ name }) => name === of);
  if (found === undefined) {
    const { hint = `See what there is: busctl introspect ${destination} ${path}` } = didYouMean(
      of,
      interfaces.map(({ name }) => name),
    );
    return error(
      'host',
      interfaces.length <= 3 ? `there is no object ${path}, or it has no ${of}` : `the object has no interface ${of}`,
      hint,
    );
  }
  const known = found.properties.find(({ name }) => name === property);
  if (known === undefined) {
    const { hint } = didYouMean(
      property,
      found.properties.map(({ name }) => name),
    );
    return error(
      'host',
      `the interface has no property ${property}`,
      hint ?? `See what there is: busctl introspect ${destination} ${path} ${of}`,
    );
  }
  if (known.access === 'read')
    return error(
      'host',
      `${property} is read-only`,
      'Its service may have a method that changes it; op-dbus keeps properties only.',
    );
  if (known.access === 'write') return error('host', `${property} can't be read, so it can't be kept`);
  const type = typeOf(known.signature);
  const why = misfit(type, fromJson(type, value));
  return why === null ? null : error('state', `${why} (type ${known.signature})`);
}
