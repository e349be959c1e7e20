// A host of the tests' own for containers: namespaces, cgroups, /etc, /run and a userspace Open vSwitch (unshare(1)).

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { exec, run } from '../exec.ts';

/** Set in the process that runs inside. */
const MARK = 'OP_DBUS_PRIVATE_HOST';

/** True in a test file that `runPrivately` has started again. */
export function isPrivate(): boolean {
  return process.env[MARK] !== undefined;
}

/**
 * Runs a test file once more as a process that sees no network, mounts, processes or cgroups of the machine; all ends
 * with it. @returns its exit status.
 */
export async function runPrivately(url: string): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), 'op-host-'));
  // Containers' users pass through it.
  await chmod(folder, 0o711);
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  const flags = [
    '--net',
    '--mount',
    '--propagation',
    'unchanged',
    '--pid',
    '--fork',
    '--uts',
    '--cgroup',
    '--kill-child',
  ];
  const root = ['perl', fileURLToPath(new URL('../private-root.pl', import.meta.url))];
  // The first process collects orphans, as a machine's does: a zombie would keep a container from ending.
  const first = [...root, '/bin/sh', '-c', 'mount -t proc proc /proc; "$@"; exit $?', 'sh', process.execPath];
  const child = spawn('setpriv', ['--pdeathsig', 'KILL', 'unshare', ...flags, ...first, fileURLToPath(url)], {
    env: { ...env, [MARK]: folder },
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  const [code] = (await once(child, 'exit')) as [number | null];
  await rm(folder, { recursive: true, force: true });
  return code ?? 1;
}

export type PrivateHost = {
  /** For everything that isn't bound over a folder of the machine. */
  readonly folder: string;
  readonly stop: () => Promise<void>;
  readonly stopSwitch: () => Promise<void>;
  readonly startSwitch: () => Promise<void>;
};

/** To be called inside: /etc over an overlay, own /run, /sys, /var/lib/lxc; bridge ovsbr0 with 10.0.0.1/24. */
export async function privateHost(): Promise<PrivateHost> {
  const folder = process.env[MARK] ?? '';
  const mount = async (...argv: string[]): Promise<void> => void (await run(exec, ['mount', ...argv]));
  await mount('-t', 'sysfs', 'sysfs', '/sys');
  await mount('-t', 'cgroup2', 'cgroup2', '/sys/fs/cgroup');
  await mount('-t', 'tmpfs', 'tmpfs', '/run');
  for (const name of ['etc', 'work', 'lxc', 'ovs']) await mkdir(join(folder, name), { mode: 0o755 });
  await mount('-t', 'overlay', 'overlay', '-o', `lowerdir=/etc,upperdir=${folder}/etc,workdir=${folder}/work`, '/etc');
  await mount('--bind', join(folder, 'lxc'), '/var/lib/lxc');
  await run(exec, ['ip', 'link', 'set', 'lo', 'up']);
  const servers: ChildProcess[] = [];
  const database = join(folder, 'ovs', 'conf.db');
  await mkdir('/run/openvswitch');
  await run(exec, ['ovsdb-tool', 'create', database, '/usr/share/openvswitch/vswitch.ovsschema']);
  servers.push(server(['ovsdb-server', '--remote=punix:/run/openvswitch/db.sock', '--pidfile', database]));
  await run(exec, ['ovs-vsctl', '--retry', '--timeout=10', '--no-wait', 'init']);
  const startSwitch = async (): Promise<void> => {
    servers.push(server(['ovs-vswitchd', '--disable-system', '--pidfile']));
    await run(exec, ['ovs-vsctl', '--timeout=10', 'wait-until', 'Open_vSwitch', '.', 'datapath_types!=[]']);
  };
  const stopSwitch = async (): Promise<void> => {
    const last = servers.pop();
    if (last !== undefined) await end(last);
  };
  await startSwitch();
  await run(exec, ['ovs-vsctl', 'add-br', 'ovsbr0', '--', 'set', 'Bridge', 'ovsbr0', 'datapath_type=netdev']);
  await run(exec, ['ip', 'address', 'add', '10.0.0.1/24', 'dev', 'ovsbr0']);
  await run(exec, ['ip', 'link', 'set', 'ovsbr0', 'up']);
  const stop = async (): Promise<void> => {
    for (const child of servers.splice(0).toReversed()) await end(child);
  };
  return { folder, stop, stopSwitch, startSwitch };
}

function server(argv: readonly string[]): ChildProcess {
  return spawn('setpriv', ['--pdeathsig', 'KILL', ...argv], { stdio: 'ignore' });
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill('SIGTERM');
  await gone;
}
