// Host states for the laws: none, a client, another rate, a server beside it.

import type { Resource } from '../../core/resource.ts';
import type { Inside } from '../inside.ts';
import { sampled } from '../sampled.ts';
import { confPath, program } from './expand.ts';

const shaper = sampled('shaper', 'shaper', { path: confPath, mode: 0o644, check: [program, '--check', confPath] });

/** The containers that must exist. */
export const containers = ['xray-client', 'xray-server'];

export const samples: readonly (readonly Resource<Inside>[])[] = [
  [],
  [shaper('xray-client', 'role client\n')],
  [shaper('xray-client', 'role client\nup 1\n', { active: false })],
  [shaper('xray-client', 'role client\n'), shaper('xray-server', 'role server\n')],
];
