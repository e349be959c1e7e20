// The proxy of a container: Xray's configuration (v2ray 4 reads the same for VMess), and its unit.

import type { Expand, Facts, Member, Topology } from '../../core/topology.ts';
import type { Inside } from '../inside.ts';
import { client } from './client.ts';
import { server } from './server.ts';

const path = '/etc/xray/config.json';
const unitPath = '/etc/systemd/system/xray.service';

export const expand: Expand<Inside> = (topology, facts) =>
  topology.members.flatMap((member) =>
    member.xray === null
      ? []
      : [{ kind: 'proxy', name: `${member.name}/xray`, spec: inside(topology, facts, member, member.xray) }],
  );

function inside(topology: Topology, facts: Facts, member: Member, state: NonNullable<Member['xray']>): Inside {
  const made = state.inbound.protocol === 'socks' ? client(topology, facts, member) : server(facts, member);
  const program = facts.proxy.program === 'xray' ? '/usr/local/bin/xray' : '/usr/bin/v2ray';
  const run = facts.proxy.program === 'xray' ? `${program} run -c ${path}` : `${program} -config ${path}`;
  const check =
    facts.proxy.program === 'xray' ? [program, 'run', '-test', '-c', path] : [program, '-test', '-config', path];
  return {
    container: member.name,
    order: member.order,
    unit: 'xray',
    files: {
      ...made.files,
      [path]: { mode: 0o600, text: `${JSON.stringify(made.config, null, 2)}\n` },
      [unitPath]: { mode: 0o644, text: unit(run) },
    },
    check,
    reload: null,
    active: true,
  };
}

function unit(run: string): string {
  return `# Written by op-dbus.
[Unit]
Description=Proxy of op-dbus
After=network.target

[Service]
ExecStart=${run}
Restart=always
RestartSec=1
NoNewPrivileges=yes
CapabilityBoundingSet=CAP_NET_BIND_SERVICE
LimitNOFILE=65536

[Install]
WantedBy=multi-user.target
`;
}
