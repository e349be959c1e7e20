// Host states for the laws: none, forwarding, another value, two settings.

import type { Resource } from '../../core/resource.ts';
import type { Spec } from './schema.ts';

const setting = (name: string, value: string): Resource<Spec> => ({ kind: 'sysctl', name, spec: { value } });

export const samples: readonly (readonly Resource<Spec>[])[] = [
  [],
  [setting('net.ipv4.ip_forward', '1')],
  [setting('net.ipv4.ip_forward', '0')],
  [setting('net.ipv4.ip_forward', '1'), setting('net.ipv4.conf.all.forwarding', '1')],
];
