// The shaper of a proxy's container: its program's configuration, and its unit.

import { type Expand, type Member, shaperPort, shaperUser, warpInlet, warpPort } from '../../core/topology.ts';
import type { Inside } from '../inside.ts';

/** Where the program is inside the container: the host's own, shown there. */
export const program = '/usr/local/bin/op-dbus-shaper';
export const confPath = '/etc/op-dbus/shaper.conf';
const unitPath = '/etc/systemd/system/shaper.service';

export const expand: Expand<Inside> = ({ members }) =>
  members.flatMap((member) =>
    member.shaper === null
      ? []
      : [{ kind: 'shaper', name: `${member.name}/shaper`, spec: inside(member, member.shaper) }],
  );

function inside(member: Member, state: NonNullable<Member['shaper']>): Inside {
  return {
    container: member.name,
    order: member.order,
    unit: 'shaper',
    files: { [confPath]: { mode: 0o644, text: conf(member, state) }, [unitPath]: { mode: 0o644, text: unit } },
    check: [program, '--check', confPath],
    reload: null,
    active: true,
  };
}

/** Milliseconds: between two frames of an idle link (11 kbit/s both ways together), and until silence is an end. */
const [idle, silence] = [2000, 15_000];

function conf({ address, role }: Member, state: NonNullable<Member['shaper']>): string {
  const { mode, frame, up, down, quantum, monthly_bytes: budget, warp } = state;
  const ends =
    role === 'proxy-client'
      ? { role: 'client', listen: `${address.ip}:${warpPort}`, proxy: `127.0.0.1:${warpInlet}` }
      : { role: 'server', listen: `127.0.0.1:${shaperPort}`, endpoint: `${warp?.ip}:${warp?.port}` };
  const lines = { ...ends, mode, frame, up, down, quantum: quantum * 1000, idle, silence, budget };
  return `# Written by op-dbus.\n${Object.entries(lines)
    .map(([key, value]) => `${key} ${value}\n`)
    .join('')}`;
}

/** One that hangs is killed by systemd's watchdog; meanwhile nothing passes. It is started again however often it ends. */
const unit = `# Written by op-dbus.
[Unit]
Description=Shaper of op-dbus
After=network.target xray.service
StartLimitIntervalSec=0

[Service]
Type=notify
ExecStart=${program} ${confPath}
User=${shaperUser.name}
RuntimeDirectory=op-dbus-shaper
StateDirectory=op-dbus-shaper
WatchdogSec=10
Restart=always
RestartSec=1
NoNewPrivileges=yes
CapabilityBoundingSet=
RestrictAddressFamilies=AF_INET AF_UNIX

[Install]
WantedBy=multi-user.target
`;
