// Host states for the laws: none, a client, another configuration, a server beside it.

import type { Resource } from '../../core/resource.ts';
import type { Inside } from '../inside.ts';
import { sampled } from '../sampled.ts';

const path = '/etc/xray/config.json';

const proxy = sampled('proxy', 'xray', { path, mode: 0o600, check: ['/usr/bin/v2ray', '-test', '-config', path] });

/** The containers that must exist. */
export const containers = ['xray-client', 'xray-server'];

export const samples: readonly (readonly Resource<Inside>[])[] = [
  [],
  [proxy('xray-client', '{}\n')],
  [proxy('xray-client', '{"outbounds":[]}\n', { active: false })],
  [
    proxy('xray-client', '{}\n', {
      files: { [path]: { mode: 0o600, text: '{}\n' }, '/etc/xray/vps.pem': { mode: 0o644, text: 'an example\n' } },
    }),
    proxy('xray-server', '{}\n'),
  ],
];
