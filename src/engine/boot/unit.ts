// The units that systemd runs for us, and who may talk to the daemon by the system bus, as texts (systemd.unit(5),
// systemd.service(5), systemd.exec(5), dbus-daemon(1)); docs/boot.md says why. Pure.

import { BLOCK } from './block.ts';

export const service = 'op-dbus.service';
export const blocker = 'op-dbus-blocker.service';

export const policy = 'org.opdbus1.conf';

export function pathOf(name: string): string {
  return `/etc/${name === policy ? 'dbus-1/system.d' : 'systemd/system'}/${name}`;
}

/** Is there once the blocker has run or may not run any more, until the next boot. */
export const pastFolder = '/run/op-dbus-blocker';

/** What stands in the first line of a file that is ours. */
const header = '# Written by op-dbus service install: what is changed here is lost, what systemctl edit adds stays.';

export function isOurs(text: string): boolean {
  return text.startsWith(`${header}\n`) || text.startsWith(`${comment}\n`);
}

/** File → its text. `folder` is the absolute path of the installation that has `bin/op-dbus` and `docs`. */
export function unitTexts(folder: string): Readonly<Record<string, string>> {
  return { [policy]: policyText(), [service]: serviceText(folder), [blocker]: blockerText(folder) };
}

const comment = `<!-- ${header.slice(2)} -->`;

/** Members of this group may read; who made it, if anybody, is none of ours. */
const readers = 'op-dbus';

function policyText(): string {
  const reading = [
    ...['Introspectable', 'Peer', 'ObjectManager'].map((name) => `send_interface="org.freedesktop.DBus.${name}"`),
    ...['Get', 'GetAll'].map((name) => `send_interface="org.freedesktop.DBus.Properties" send_member="${name}"`),
    ...['Plan', 'Query', 'Status', 'Verify'].map(
      (name) => `send_interface="org.opdbus1.Manager" send_member="${name}"`,
    ),
  ];
  return `${comment}
<busconfig>
  <policy context="default">
    <deny send_destination="org.opdbus1"/>
    <deny receive_sender="org.opdbus1"/>
  </policy>
  <policy group="${readers}">
${reading.map((what) => `    <allow send_destination="org.opdbus1" ${what}/>`).join('\n')}
    <allow receive_sender="org.opdbus1"/>
  </policy>
  <policy user="root">
    <allow own="org.opdbus1"/>
    <allow send_destination="org.opdbus1"/>
    <allow receive_sender="org.opdbus1"/>
  </policy>
</busconfig>
`;
}

/**
 * What neither the daemon nor LXC's monitors need. A container's own are whole again by its user namespace
 * (user_namespaces(7)).
 */
const dropped = words(`
  CAP_AUDIT_CONTROL CAP_AUDIT_READ CAP_BLOCK_SUSPEND CAP_IPC_OWNER CAP_LEASE CAP_MAC_OVERRIDE CAP_SYS_BOOT CAP_SYS_MODULE
  CAP_SYS_PACCT CAP_SYS_RAWIO CAP_SYS_TIME CAP_SYS_TTY_CONFIG CAP_SYSLOG CAP_WAKE_ALARM`);

function serviceText(folder: string): string {
  return `${header}
[Unit]
Description=op-dbus: keeps this host as the state applied last says
Documentation=${documentation(folder)}
# Waited for, but not wanted: started on a host at work, these would flush its packet filters and shut it.
After=network-pre.target nftables.service ${blocker}
After=dbus.service openvswitch-switch.service lxc.service
Wants=dbus.service openvswitch-switch.service lxc.service
# Of Proxmox, where it is: what it keeps below /etc/pve, and the containers that it starts.
After=pve-cluster.service pve-guests.service
StartLimitIntervalSec=0

[Service]
Type=notify
NotifyAccess=all
ExecStart=${quoted(`${folder}/bin/op-dbus`)} daemon
# The first look may have much to put right.
TimeoutStartSec=infinity
Restart=always
RestartSec=1
# What it has started stays, also what LXC has not moved to cgroups of its own: it is the data path.
KillMode=process
# Whatever stands below, containers that are started from here inherit, or live in.
CapabilityBoundingSet=~${dropped.join(' ')}
LimitCORE=0
UMask=0022

[Install]
WantedBy=multi-user.target
`;
}

function blockerText(folder: string): string {
  const hook = 'type filter hook forward priority -2147483648; policy drop;';
  return `${header}
[Unit]
Description=op-dbus: shuts forwarding until the host is as it was applied
Documentation=${documentation(folder)}
DefaultDependencies=no
# Once a boot, and not on a host at work: whoever starts sysinit.target again, or isolates another target, starts this.
ConditionPathExists=!${pastFolder}
# Debian's nftables.service flushes all tables before it loads its own.
After=local-fs.target systemd-modules-load.service systemd-sysctl.service nftables.service
Wants=network-pre.target
Before=network-pre.target sysinit.target
Before=networking.service systemd-networkd.service NetworkManager.service

[Service]
Type=oneshot
RemainAfterExit=yes
RuntimeDirectory=${pastFolder.replace('/run/', '')}
RuntimeDirectoryPreserve=yes
# Shut by the kernel's own switch, then by the table, then the switch again as the host's files say: where the table can't be
# loaded, the last step is left out, and the boot goes on with a host that forwards nothing.
ExecStart=-/sbin/sysctl -qw net.ipv4.ip_forward=0
ExecStart=-/sbin/sysctl -qw net.ipv6.conf.all.forwarding=0
ExecStart=/usr/sbin/nft "table inet ${BLOCK} { chain forward { ${hook} }; }"
ExecStart=-/lib/systemd/systemd-sysctl --prefix=/net/ipv4 --prefix=/net/ipv6
ExecStop=/usr/sbin/nft "table inet ${BLOCK}; delete table inet ${BLOCK}"
# Nothing that could itself fail so early, and so keep it from shutting.
CapabilityBoundingSet=CAP_NET_ADMIN
NoNewPrivileges=yes
LimitCORE=0
UMask=0077

[Install]
WantedBy=sysinit.target
`;
}

function documentation(folder: string): string {
  return `file:${encodeURI(`${folder}/docs/boot.md`).replaceAll('%', '%%')}`;
}

/** A path as one word of a unit's command line (systemd.service(5) "COMMAND LINES"). */
function quoted(path: string): string {
  const escaped = path.replaceAll(/["\\]/g, '\\$&').replaceAll('%', '%%').replaceAll('$', '$$$$');
  return /^[\w@+.,:/-]+$/.test(path) ? path : `"${escaped}"`;
}

function words(text: string): readonly string[] {
  return text.trim().split(/\s+/);
}
