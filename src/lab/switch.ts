// Open vSwitch of a lab host: a database and a switch of its own, started as ovs-ctl(8) would, without systemd.

import { ask, daemonised } from './host.ts';
import type { HostName } from './topology.ts';

const DATABASE = '/etc/openvswitch/conf.db';
const SCHEMA = '/usr/share/openvswitch/vswitch.ovsschema';

/** Starts both daemons and waits until the switch has taken its configuration. */
export async function startSwitch(host: HostName): Promise<void> {
  await ask(host, ['ovsdb-tool', 'create', DATABASE, SCHEMA]);
  const common = ['--pidfile', '--detach', '--no-chdir', '-vconsole:off', '-vsyslog:off', '-vfile:info', '--log-file'];
  await daemonised(host, ['ovsdb-server', DATABASE, '--remote=punix:/run/openvswitch/db.sock', ...common]);
  await ask(host, ['ovs-vsctl', '--no-wait', 'init']);
  await daemonised(host, ['ovs-vswitchd', 'unix:/run/openvswitch/db.sock', ...common]);
  await ask(host, ['ovs-vsctl', '--timeout=10', 'init']);
}
