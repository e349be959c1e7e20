// A property's spec: where it is, and its value as JSON (drivers/dbus/json.ts). The resource's name is `resourceName`.

import * as z from 'zod';

export const schema = z.strictObject({
  destination: z.string(),
  path: z.string(),
  interface: z.string(),
  property: z.string(),
  /** As the file writes it when it is so; null when it can't be read. */
  value: z.unknown(),
});

export type Spec = z.output<typeof schema>;

type Where = Pick<Spec, 'destination' | 'path' | 'interface' | 'property'>;

/** `org.freedesktop.systemd1/org/freedesktop/systemd1:org.freedesktop.systemd1.Manager.LogLevel` */
export function resourceName({ destination, path, interface: of, property }: Where): string {
  return `${destination}${path}:${of}.${property}`;
}
