// Host states for the laws: none, one, changed, two, masked.

import type { Resource } from '../../core/resource.ts';
import type { Spec } from './schema.ts';

const unit = (name: string, spec: Partial<Spec>): Resource<Spec> => ({
  kind: 'unit',
  name,
  spec: { enabled: null, active: null, masked: null, dropIns: {}, ...spec },
});

const limit = { 'limit.conf': '[Service]\nMemoryMax=1G\n' };

export const samples: readonly (readonly Resource<Spec>[])[] = [
  [],
  [unit('cron.service', { enabled: true, active: true, dropIns: limit })],
  [unit('cron.service', { active: false, dropIns: { 'limit.conf': '[Service]\nMemoryMax=2G', 'b.conf': '[Unit]\n' } })],
  [unit('cron.service', { enabled: false, active: false, masked: true }), unit('ssh.service', { enabled: false })],
  [unit('ssh.service', { dropIns: limit }), unit('old.service', { enabled: true, active: true, masked: false })],
];
