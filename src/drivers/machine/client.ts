// The machine at hand: kernel modules by sysfs and modprobe -n (modprobe(8)), names by getaddrinfo, resolv.conf(5).

import { constants } from 'node:fs';
import { access, open, statfs } from 'node:fs/promises';
import { lookup } from 'node:dns/promises';
import { isIP, isIPv4 } from 'node:net';
import { delimiter, join } from 'node:path';
import { OpError } from '../../error.ts';
import type { Exec } from '../exec.ts';
import type { Files } from '../files/contract.ts';
import { startTime } from '../process.ts';
import { synchronised } from './clock.ts';
import type { Machine } from './contract.ts';
import { exposure } from './exposure.ts';
import { moduleState, release } from './module.ts';
import { attempt } from './trial.ts';

/** What systemd-resolved was given, where /etc/resolv.conf names only its stub on loopback. */
const resolved = '/run/systemd/resolve/resolv.conf';

export function thisMachine(exec: Exec, files: Files): Machine {
  return {
    datapath: async () => ((await hasModule(exec, files, 'openvswitch')) ? 'system' : 'netdev'),
    resolve,
    program,
    boot: async () => `${((await files.read('/proc/sys/kernel/random/boot_id')) ?? '').trim()} ${await startTime(1)}`,
    uptime: async () => Number.parseFloat((await files.read('/proc/uptime')) ?? ''),
    nameservers: async () => {
      const own = nameservers(await resolvConf(exec));
      return own.length > 0 ? own : nameservers((await files.read(resolved)) ?? '');
    },
    kernel: () => release(files),
    module: (name) => moduleState(files, name),
    attempt: (trial) => attempt(exec, files, trial),
    version: (name, option = '--version') => version(exec, name, option),
    container: () => container(exec),
    space,
    writable: (path) => possible(access(path, constants.W_OK)),
    exposed: (path) => exposure(path),
    held: (path) => held(exec, path),
    synchronised: () => synchronised(exec),
  };
}

/** Loaded (or built in), or there to be loaded; nothing is loaded by asking. */
async function hasModule(exec: Exec, files: Files, name: string): Promise<boolean> {
  if ((await files.list(`/sys/module/${name}`)).length > 0) return true;
  try {
    return (await exec(['modprobe', '-n', '-q', name])).code === 0;
  } catch {
    return false;
  }
}

/** By the program of the namespace at hand: the file is a symbolic link as often as not, which Files does not follow. */
async function resolvConf(exec: Exec): Promise<string> {
  const { code, stdout } = await exec(['cat', '/etc/resolv.conf']);
  return code === 0 ? stdout : '';
}

function nameservers(text: string): readonly string[] {
  const named = text.split('\n').flatMap((line) => /^nameserver\s+(\S+)/.exec(line)?.[1] ?? []);
  return [...new Set(named.filter((ip) => isIPv4(ip) && !ip.startsWith('127.') && ip !== '0.0.0.0'))];
}

async function resolve(name: string): Promise<readonly string[]> {
  if (isIPv4(name)) return [name];
  if (isIP(name) !== 0) throw new OpError('host', `${name}: an IPv6 address; only IPv4 leads out`);
  try {
    const found = await lookup(name, { all: true, family: 4 });
    return [...new Set(found.map(({ address }) => address))].sort((a, b) => numeric(a) - numeric(b));
  } catch (error) {
    throw new OpError('host', `${name}: has no IPv4 address`, {
      hint: `Try: getent ahostsv4 ${name}`,
      cause: error,
    });
  }
}

function numeric(ip: string): number {
  return ip.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
}

async function program(name: string): Promise<string | null> {
  if (name.includes('/')) throw new OpError('internal', `${name}: expected a program's name, not a path`);
  for (const folder of (process.env['PATH'] ?? '').split(delimiter).filter((part) => part.startsWith('/'))) {
    const path = join(folder, name);
    if (await possible(access(path, constants.X_OK))) return path;
  }
  return null;
}

async function version(exec: Exec, name: string, option: string): Promise<string | null> {
  const path = await program(name);
  if (path === null) return null;
  const { stdout, stderr } = await exec([path, option], { deadline: 4000 });
  const said = /\d+(\.\d+)+[\w.~+-]*/.exec(`${stdout}\n${stderr}`)?.[0];
  if (said === undefined) throw new OpError('host', `${name} ${option}: says no version`);
  return said;
}

/** systemd-detect-virt(1) says `none`, with status 1, where nothing contains us. */
async function container(exec: Exec): Promise<string | null> {
  const said = (await exec(['systemd-detect-virt', '--container'], { deadline: 4000 })).stdout.trim();
  return said === 'none' || said === '' ? null : said;
}

async function space(path: string): Promise<number> {
  try {
    const { bfree, bsize } = await statfs(path);
    return bfree * bsize;
  } catch (cause) {
    throw new OpError('host', `${path}: ${(cause as Error).message}`, { at: path, cause });
  }
}

const BUSY = 75;

/** Who would have it alone tries more than once (lock.ts), so it does no harm that we share it for a moment. */
async function held(exec: Exec, path: string): Promise<boolean> {
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === 'ENOENT' || cause.code === 'ENOTDIR') return null;
    throw new OpError('host', `${path}: ${cause.message}`, { at: path, cause });
  });
  if (file === null) return false;
  try {
    const argv = ['flock', '--nonblock', '--shared', '--conflict-exit-code', `${BUSY}`, '3'] as const;
    const { code, stderr } = await exec(argv, { descriptor: file.fd, deadline: 4000 });
    if (code !== 0 && code !== BUSY) throw new OpError('host', `flock: ${stderr.trim()}`, { at: path });
    return code === BUSY;
  } finally {
    await file.close();
  }
}

function possible(access: Promise<unknown>): Promise<boolean> {
  return access.then(
    () => true,
    () => false,
  );
}
