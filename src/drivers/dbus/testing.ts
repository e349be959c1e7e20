// A private dbus-daemon(1) in a temporary folder, for tests; it needs no root.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { exec, type ExecResult } from '../exec.ts';

export type PrivateBus = {
  readonly socket: string;
  /** Runs busctl(1) against it. */
  readonly busctl: (...args: readonly string[]) => Promise<ExecResult>;
  readonly address: string;
  readonly stop: () => Promise<void>;
};

/** Everybody may do all but take the name `org.opdbus1.Denied`. */
export async function startBus(): Promise<PrivateBus> {
  const folder = await mkdtemp(join(tmpdir(), 'op-dbus-bus-'));
  const socket = join(folder, 'bus');
  const address = `unix:path=${socket}`;
  await writeFile(join(folder, 'bus.conf'), config(address));
  const argv = [
    '--nofork',
    '--nopidfile',
    '--nosyslog',
    '--print-address=1',
    `--config-file=${join(folder, 'bus.conf')}`,
  ];
  const daemon = spawn('dbus-daemon', argv, { stdio: ['ignore', 'pipe', 'ignore'] });
  const stop = async (): Promise<void> => {
    await ended(daemon);
    await rm(folder, { recursive: true, force: true });
  };
  try {
    await Promise.race([
      once(daemon.stdout, 'data'),
      once(daemon, 'exit').then(() => Promise.reject(new Error('dbus-daemon ends'))),
    ]);
  } catch (error) {
    await stop();
    throw error;
  }
  return { socket, address, busctl: (...args) => exec(['busctl', `--address=${address}`, ...args]), stop };
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, 'exit');
  child.kill('SIGKILL');
  await exit;
}

function config(address: string): string {
  return `<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>${address}</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
    <deny own="org.opdbus1.Denied"/>
  </policy>
</busconfig>
`;
}
