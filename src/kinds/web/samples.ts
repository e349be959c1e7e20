// Host states for the laws: none, one server, another page, two of them.

import type { Resource } from '../../core/resource.ts';
import type { Inside } from '../inside.ts';
import { sampled } from '../sampled.ts';

const path = '/etc/op-dbus/web.conf';

const web = sampled('web', 'web', { path, mode: 0o600, check: ['/usr/sbin/nginx', '-t', '-q', '-c', path] });

/** The containers that must exist. */
export const containers = ['xray-client', 'xray-server'];

export const samples: readonly (readonly Resource<Inside>[])[] = [
  [],
  [web('xray-client', '{}\n')],
  [web('xray-client', '{"outbounds":[]}\n', { active: false })],
  [
    web('xray-client', '{}\n', {
      files: {
        [path]: { mode: 0o600, text: '{}\n' },
        '/var/www/html/index.html': { mode: 0o644, text: 'an example\n' },
      },
    }),
    web('xray-server', '{}\n'),
  ],
];
