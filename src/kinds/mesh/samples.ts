// Host states for the laws: none, one container in a mesh, another token, two.

import type { Resource } from '../../core/resource.ts';
import { type Inside } from '../inside.ts';
import { program, tokenPath } from './script.ts';

const mesh = (container: string, token: string, spec: Partial<Inside> = {}): Resource<Inside> => ({
  kind: 'mesh',
  name: `${container}/netmaker-first-boot`,
  spec: {
    container,
    order: 0,
    unit: 'netmaker-first-boot',
    files: {
      [tokenPath]: { mode: 0o600, text: `NETMAKER_TOKEN="${token}"\n` },
      [program]: { mode: 0o755, text: '#!/bin/sh\n' },
    },
    check: ['sh', '-n', program],
    reload: null,
    active: true,
    ...spec,
  },
});

/** The containers that must exist. */
export const containers = ['app-server', 'database-server'];

export const samples: readonly (readonly Resource<Inside>[])[] = [
  [],
  [mesh('app-server', 'an example')],
  [mesh('app-server', 'another', { active: false })],
  [mesh('app-server', 'an example'), mesh('database-server', 'an example')],
];
