// The web server of a container: nginx on 127.0.0.1, one page, no logs. Its answers are nginx's own, as on other servers.

import { standIn } from '../../core/secret.ts';
import { type Expand, type Facts, type Member, webPort } from '../../core/topology.ts';
import type { Inside } from '../inside.ts';
import { page, serves } from './contents.ts';

const path = '/etc/op-dbus/web.conf';
const unitPath = '/etc/systemd/system/web.service';

export const expand: Expand<Inside> = (topology, facts) =>
  topology.members
    .filter(serves)
    .map((member) => ({ kind: 'web', name: `${member.name}/web`, spec: inside(facts, member) }));

function inside(facts: Facts, { name, order }: Member): Inside {
  const own = facts.files[`${name}:${page}`];
  return {
    container: name,
    order,
    unit: 'web',
    files: {
      [page]: { mode: 0o644, text: own === undefined ? plain : `${standIn(own.fingerprint)}\n` },
      [path]: { mode: 0o644, text: config },
      [unitPath]: { mode: 0o644, text: unit },
    },
    check: ['/usr/sbin/nginx', '-t', '-q', '-c', path],
    reload: null,
    active: true,
  };
}

const plain = `<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>Welcome</title></head>
<body><h1>Welcome</h1><p>Nothing to see here yet.</p></body>
</html>
`;

const config = `# Written by op-dbus.
user www-data;
worker_processes 1;
pid /run/web.pid;
error_log /dev/null;
events {}
http {
  include /etc/nginx/mime.types;
  access_log off;
  # The port here is not the one that a visitor knows.
  absolute_redirect off;
  server {
    listen 127.0.0.1:${webPort};
    root ${page.replace('/index.html', '')};
  }
}
`;

const unit = `# Written by op-dbus.
[Unit]
Description=Web server of op-dbus
After=network.target

[Service]
ExecStart=/usr/sbin/nginx -g 'daemon off;' -c ${path}
Restart=always
RestartSec=1
NoNewPrivileges=yes

[Install]
WantedBy=multi-user.target
`;
