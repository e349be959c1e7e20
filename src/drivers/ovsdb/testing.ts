// A private Open vSwitch for tests: ovsdb-server and ovs-vswitchd with dummy devices in a temporary folder (ovs-vswitchd(8), ovsdb-server(1)).

import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync, rmSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { OpError } from '../../error.ts';
import { type ExecOptions, type ExecResult, exec, run as insist } from '../exec.ts';

export type DummySwitch = {
  /** The temporary folder: OVS_RUNDIR, OVS_LOGDIR and OVS_DBDIR. Bridges' sockets are `folder/NAME.mgmt`. */
  readonly folder: string;
  /** The database's unix socket. */
  readonly socket: string;
  /** What a program needs in its environment to mean this switch. */
  readonly env: Readonly<Record<string, string>>;
  /** Runs a program (`ovs-vsctl`, `ovs-ofctl`, `ovs-appctl`) against this switch; see Exec. */
  readonly run: (argv: readonly [string, ...string[]], options?: ExecOptions) => Promise<ExecResult>;
  /** Ends both servers by pid and removes the folder. May be called again. */
  readonly stop: () => Promise<void>;
  /** Suspends or resumes ovs-vswitchd (SIGSTOP, SIGCONT): a switch that doesn't take what the database says. */
  readonly freeze: (frozen: boolean) => void;
};

/**
 * Starts an unprivileged switch that touches nothing of the machine and is ready for `ovs-vsctl add-br` when this
 * returns. With `devices: 'dummy'` (the default) every device and datapath type is a dummy; with `'missing'` only
 * bridges of datapath type `dummy` are, and a port of type '' stands for a device of the machine, which isn't opened
 * unless its name exists. The servers die with this process, however it ends.
 * @throws OpError `host` with the servers' last log lines when they don't come up within 10 s.
 */
export async function startDummySwitch({
  devices = 'dummy',
}: {
  readonly devices?: 'dummy' | 'missing';
} = {}): Promise<DummySwitch> {
  const folder = await mkdtemp(join(tmpdir(), 'op-ovs-'));
  const env = { OVS_RUNDIR: folder, OVS_LOGDIR: folder, OVS_DBDIR: folder, OVS_SYSCONFDIR: folder };
  const socket = join(folder, 'db.sock');
  const servers: ChildProcess[] = [];
  const run: DummySwitch['run'] = (argv, options = {}) =>
    exec(argv, { deadline: 15_000, ...options, env: { ...env, ...options.env } });
  const stop = async (): Promise<void> => {
    for (const server of servers.splice(0).toReversed()) await end(server);
    await rm(folder, { recursive: true, force: true });
    process.off('exit', leave);
  };
  // For a test run that ends without coming to `stop`.
  const leave = (): void => {
    for (const server of servers) server.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  };
  process.once('exit', leave);
  try {
    const database = join(folder, 'conf.db');
    await insist(run, ['ovsdb-tool', 'create', database, '/usr/share/openvswitch/vswitch.ovsschema']);
    servers.push(start(folder, env, ['ovsdb-server', `--remote=punix:${socket}`, '--pidfile', database]));
    await until(folder, servers, () => listens(socket));
    await insist(run, ['ovs-vsctl', `--db=unix:${socket}`, '--no-wait', 'init']);
    const dummy = devices === 'dummy' ? '--enable-dummy=override' : '--enable-dummy';
    const vswitchd = start(folder, env, ['ovs-vswitchd', dummy, '--disable-system', '--pidfile', `unix:${socket}`]);
    servers.push(vswitchd);
    await until(folder, servers, () => existsSync(join(folder, 'ovs-vswitchd.pid')));
    // The switch writes this column when it has read the database for the first time.
    const ready = ['wait-until', 'Open_vSwitch', '.', 'datapath_types!=[]'];
    await insist(run, ['ovs-vsctl', `--db=unix:${socket}`, '--timeout=10', ...ready]);
    const freeze = (frozen: boolean): void => void vswitchd.kill(frozen ? 'SIGSTOP' : 'SIGCONT');
    return { folder, socket, env, run, stop, freeze };
  } catch (error) {
    const why = log(folder);
    await stop();
    throw new OpError('host', `starting a private Open vSwitch: ${String(error)}\n${why}`, { cause: error });
  }
}

/** setpriv makes the kernel end the server together with this process, even when that is killed. */
function start(folder: string, env: Readonly<Record<string, string>>, argv: readonly string[]): ChildProcess {
  const output = openSync(join(folder, `${argv[0]}.out`), 'a');
  const stdio: StdioOptions = ['ignore', output, output];
  const [program, ...args] = ['setpriv', '--pdeathsig', 'KILL', ...argv] as const;
  const server = spawn(program, args, { env: { ...process.env, ...env }, stdio });
  closeSync(output);
  // Without a listener the process would end here; `until` sees that there is no pid.
  server.on('error', () => {});
  return server;
}

async function end(server: ChildProcess): Promise<void> {
  const gone = new Promise<void>((resolve) => server.once('exit', () => resolve()));
  if (!alive(server)) return;
  server.kill('SIGKILL');
  await gone;
}

function alive(server: ChildProcess): boolean {
  return server.pid !== undefined && server.exitCode === null && server.signalCode === null;
}

async function until(
  folder: string,
  servers: readonly ChildProcess[],
  done: () => boolean | Promise<boolean>,
): Promise<void> {
  const deadline = Date.now() + 10_000;
  while (!(await done())) {
    const dead = servers.find((server) => !alive(server));
    if (dead !== undefined) throw new OpError('host', `${dead.spawnargs[3]} ended with status ${dead.exitCode}`);
    if (Date.now() > deadline) throw new OpError('timeout', `no socket in ${folder} within 10 s`);
    await sleep(3);
  }
}

/** The socket's file is there a moment before anybody listens. */
function listens(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path, () => resolve(true));
    socket.on('connect', () => socket.end()).on('error', () => resolve(false));
  });
}

function log(folder: string): string {
  return ['ovsdb-server', 'ovs-vswitchd']
    .map((name) => join(folder, `${name}.out`))
    .filter((path) => existsSync(path))
    .map((path) => readFileSync(path, 'utf8').trim().split('\n').slice(-5).join('\n'))
    .join('\n');
}
