// Host states for the laws: none, a client, another rate, a server beside it.

import type { Resource } from '../../core/resource.ts';
import { type Inside } from '../inside.ts';
import { confPath, program } from './expand.ts';

const shaper = (container: string, text: string, spec: Partial<Inside> = {}): Resource<Inside> => ({
  kind: 'shaper',
  name: `${container}/shaper`,
  spec: {
    container,
    order: 0,
    unit: 'shaper',
    files: { [confPath]: { mode: 0o644, text } },
    check: [program, '--check', confPath],
    reload: null,
    active: true,
    ...spec,
  },
});

/** The containers that must exist. */
export const containers = ['xray-client', 'xray-server'];

export const samples: readonly (readonly Resource<Inside>[])[] = [
  [],
  [shaper('xray-client', 'role client\n')],
  [shaper('xray-client', 'role client\nup 1\n', { active: false })],
  [shaper('xray-client', 'role client\n'), shaper('xray-server', 'role server\n')],
];
