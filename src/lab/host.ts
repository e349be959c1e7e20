// One lab host: started, entered, written to. What it is made of is in host.sh; how a program gets in, in enter.sh.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, open, readFile, writeFile } from 'node:fs/promises';
import { constants } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { OpError } from '../error.ts';
import { exec, run, type ExecOptions, type ExecResult } from '../drivers/exec.ts';
import { alive, CGROUP, hostFolder, OP_DBUS, readRecord, type Pid1 } from './record.ts';
import { startTime } from '../drivers/process.ts';
import { source } from '../drivers/source.ts';
import { sysctls, type HostName } from './topology.ts';

/** Milliseconds that a host or a program in it may take to get ready: on an emulated processor it is many seconds. */
const PATIENCE = 30_000;

/**
 * Starts the host, its /etc laid over by `etc` (path below /etc → content, mode 0644, or 0600 for a name that ends in
 * `.key`), and waits until it is ready, without network. @throws OpError `host` with the last line that it printed.
 */
export async function startHost(name: HostName, etc: Readonly<Record<string, string>>): Promise<Pid1> {
  const folder = hostFolder(name);
  const cgroup = `${CGROUP}/${name}`;
  await mkdir(`${folder}/lxc`, { recursive: true });
  await mkdir(cgroup);
  for (const [path, content] of Object.entries({ ...files(name), ...etc })) {
    const parts = path.split('/').slice(0, -1);
    await mkdir([folder, 'etc', ...parts].join('/'), { recursive: true });
    await writeFile(`${folder}/etc/${path}`, content, { mode: path.endsWith('.key') ? 0o600 : 0o644 });
  }
  const log = await open(`${folder}/log`, 'a');
  // Detached: a Ctrl-C meant for `lab up` doesn't reach it, and it outlives us.
  const child = spawn('/bin/sh', [source('src/lab/host.sh'), cgroup, folder, name, ...sysctls(name)], {
    detached: true,
    stdio: ['ignore', log.fd, log.fd],
  });
  child.unref();
  await log.close();
  let ended = false;
  child.once('exit', () => {
    ended = true;
  });
  for (let waited = 0; waited < PATIENCE; waited += 5) {
    const pid = /^(\d+)\n$/.exec(await readFile(`${folder}/pid`, 'utf8').catch(() => ''))?.[1];
    const start = pid === undefined ? null : await startTime(Number(pid));
    if (start !== null) return { pid: Number(pid), start };
    if (ended) break;
    await sleep(5);
  }
  throw new OpError('host', `lab host ${name} doesn't start: ${await lastLine(`${folder}/log`)}`);
}

function files(name: HostName): Record<string, string> {
  return {
    hostname: `${name}\n`,
    hosts: `127.0.0.1 localhost ${name}\n::1 localhost\n`,
    'resolv.conf': 'nameserver 9.9.9.9\n',
    subuid: 'root:100000:65536\n',
    subgid: 'root:100000:65536\n',
  };
}

/** The host's pid 1. @throws OpError `host` when the lab or the host isn't up. */
export async function pid1(name: HostName): Promise<Pid1> {
  const found = (await readRecord())?.hosts[name];
  if (found !== undefined && (await alive(found))) return found;
  throw new OpError('host', `lab host ${name} isn't up`, { hint: `Run: sudo ${OP_DBUS} lab up` });
}

/** The argument vector that runs `argv` inside the host. */
export async function inside(name: HostName, argv: readonly string[]): Promise<[string, ...string[]]> {
  const { pid } = await pid1(name);
  return ['/bin/sh', source('src/lab/enter.sh'), `${CGROUP}/${name}`, String(pid), ...argv];
}

/** Runs a program in the host and returns its result whatever the exit status. */
export async function capture(name: HostName, argv: readonly string[], options?: ExecOptions): Promise<ExecResult> {
  return exec(await inside(name, argv), options);
}

/** Runs a program in the host and insists on exit status 0. @returns its standard output. */
export async function ask(name: HostName, argv: readonly string[], options?: ExecOptions): Promise<string> {
  const result = await capture(name, argv, options);
  if (result.code === 0) return result.stdout;
  // `run` words the error; nothing is run twice.
  return run(() => Promise.resolve(result), [`${name}:`, ...argv]);
}

/** Runs a program in the host on our own standard input, output and error. @returns its exit status. */
export async function interact(name: HostName, argv: readonly string[]): Promise<number> {
  const [program, ...args] = await inside(name, argv);
  const child = spawn(program, args, { stdio: 'inherit' });
  // The terminal sends Ctrl-C to the program as well; it decides, not we.
  const ignore = () => undefined;
  process.on('SIGINT', ignore);
  try {
    return await ended(child);
  } finally {
    process.off('SIGINT', ignore);
  }
}

/**
 * Starts a program that stays, its output in `log` of the host's folder, and waits until it prints a line `ready`.
 * It ends with its host. @throws OpError `host` with the last line that it printed.
 */
export async function daemon(name: HostName, log: string, argv: readonly string[]): Promise<void> {
  await start(name, log, ['setsid', '--fork', ...argv]);
  const path = `${hostFolder(name)}/${log}`;
  for (let waited = 0; waited < PATIENCE; waited += 5) {
    if (/^ready$/m.test(await readFile(path, 'utf8'))) return;
    // A host that is killed meanwhile takes it along.
    await pid1(name);
    await sleep(5);
  }
  throw new OpError('host', `${name}: ${argv.slice(0, 2).join(' ')} doesn't get ready: ${await lastLine(path)}`);
}

/** Runs a program that goes to the background by itself. @throws OpError `host` with the last line that it printed. */
export async function daemonised(name: HostName, argv: readonly [string, ...string[]]): Promise<void> {
  const log = `${argv[0]}.log`;
  const code = await start(name, log, argv);
  if (code === 0) return;
  throw new OpError('host', `${name}: ${argv[0]}: exit ${code}: ${await lastLine(`${hostFolder(name)}/${log}`)}`);
}

/** Runs a program with its output in a file: what it leaves in the background would hold a pipe of ours open. */
async function start(name: HostName, log: string, argv: readonly string[]): Promise<number> {
  const [program, ...args] = await inside(name, argv);
  const file = await open(`${hostFolder(name)}/${log}`, 'a');
  const child = spawn(program, args, { stdio: ['ignore', file.fd, file.fd] });
  const code = await ended(child);
  await file.close();
  return code;
}

/** The exit status, 128 + n when signal n ended it. */
async function ended(child: ChildProcess): Promise<number> {
  const [code, signal] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null];
  return code ?? 128 + constants.signals[signal ?? 'SIGKILL'];
}

/** Writes a file of a running host: its own /etc or /run, seen through its pid 1. */
export async function writeInside(name: HostName, path: string, content: string, mode: number): Promise<void> {
  const { pid } = await pid1(name);
  await writeFile(`/proc/${pid}/root${path}`, content, { mode });
}

async function lastLine(path: string): Promise<string> {
  const text = await readFile(path, 'utf8').catch(() => '');
  return text.trim().split('\n').at(-1) || 'no message';
}
