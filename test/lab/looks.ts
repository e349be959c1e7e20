// What a lab host looks like, to be compared with what it looked like before.

import type { HostName } from '../../src/lab/topology.ts';
import { okIn } from './cli.ts';

/** All that op-dbus could have changed, but for what is numbered anew each time, logs, names asked for, and the history. */
export async function looks(host: HostName): Promise<readonly string[]> {
  const text = await okIn(
    host,
    'bash',
    '-c',
    `ip -br address | sort; ip route; ip rule; nft -s list ruleset; sysctl net.ipv4.ip_forward net.ipv4.conf.all.src_valid_mark
     ovs-vsctl -f csv --columns=name,external_ids list Port | sort
     ovs-ofctl -O OpenFlow14 --no-stats dump-flows ovsbr0 2>/dev/null | sort
     find /var/lib/op-dbus /var/lib/lxc -maxdepth 2 -printf "%p %y\\n" 2>/dev/null | sort
     if command -v pct >/dev/null; then
       pct list; grep -v '#' /etc/pve/lxc/*.conf
       find /etc/pve /var/lib/pve /usr/share/lxc/config/common.conf.d -printf "%p %y\\n" 2>/dev/null | grep -v /rootfs/ | sort
     else lxc-ls -f -F NAME,STATE,AUTOSTART; fi`,
  );
  // The columns of a table are as wide as the number behind @if makes them.
  const lines = text
    .replaceAll(/ fe80::\S+|@if\d+/g, '')
    .replaceAll(/ +/g, ' ')
    .split('\n');
  // Folders of ours that hold nothing stay until `down`.
  const left = /lxc\.log|failure|names\.json|history|^\/var\/lib\/op-dbus(\/filter|\/rule)? d$/;
  return lines.filter((line) => !left.test(line));
}
