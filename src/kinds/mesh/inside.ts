// What makes a container join a Netmaker mesh: the token, a script that joins once, its unit, and netclient's unit.

import { standIn } from '../../core/secret.ts';
import { meshPort } from '../../core/netmaker.ts';
import type { Facts, Member } from '../../core/topology.ts';
import type { Inside } from '../inside.ts';
import { netclientUnit, program, script, tokenPath } from './script.ts';

const unit = 'netmaker-first-boot';

export function inside({ id, name, order }: Member, { token }: NonNullable<Facts['netmaker']>): Inside {
  const file = (mode: number, text: string) => ({ mode, text });
  return {
    container: name,
    order,
    unit,
    files: {
      [tokenPath]: file(0o600, `NETMAKER_TOKEN="${standIn(token)}"\n`),
      [program]: file(0o755, script),
      [`/etc/systemd/system/${unit}.service`]: file(0o644, joining(meshPort(id))),
      '/etc/systemd/system/netclient.service': file(0o644, netclientUnit),
    },
    check: ['sh', '-n', program],
    reload: null,
    active: true,
  };
}

/** Its start is over at once: a server that does not answer keeps no container from booting. */
function joining(port: number): string {
  return `# Written by op-dbus.
[Unit]
Description=Joins a Netmaker mesh, once
After=network.target

[Service]
Type=exec
RemainAfterExit=yes
ExecStart=${program} join ${port}
Restart=on-failure
RestartSec=10

[Install]
WantedBy=multi-user.target
`;
}
