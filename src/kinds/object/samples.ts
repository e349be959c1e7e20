// Host states for the laws, on systemd's manager: none, one, changed, several types, 64 bits in either spelling.

import type { Resource } from '../../core/resource.ts';
import { resourceName, type Spec } from './schema.ts';

const property = (name: string, value: unknown): Resource<Spec> => {
  const spec = {
    destination: 'org.freedesktop.systemd1',
    path: '/org/freedesktop/systemd1',
    interface: 'org.freedesktop.systemd1.Manager',
    property: name,
    value,
  };
  return { kind: 'object', name: resourceName(spec), spec };
};

export const samples: readonly (readonly Resource<Spec>[])[] = [
  [],
  [property('LogLevel', 'notice')],
  [property('LogLevel', 'debug'), property('RuntimeWatchdogUSec', 30_000_000)],
  [property('RuntimeWatchdogUSec', '18446744073709551615'), property('ServiceWatchdogs', false)],
];
