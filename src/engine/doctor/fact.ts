// What is asked of the machine: one line a question, each with a deadline. Nothing is changed by asking.

import type { Exec } from '../../drivers/exec.ts';
import type { Host } from '../../drivers/host.ts';
import { LOCK } from '../../drivers/lock.ts';
import type { Exposed, Module } from '../../drivers/machine/contract.ts';
import { OpError } from '../../error.ts';
import { isShut } from '../boot/block.ts';
import { isOurs, pathOf, service } from '../boot/unit.ts';
import { type Journal, type Pending, readJournal, readPending } from '../journal.ts';
import { compiled } from '../shaper.ts';
import { optional, type Upcalls, upcalls } from './switch.ts';

/** An answer, or why there is none; `barred`: only root may ask; `late`: it didn't come in time. */
export type Answer<T> =
  | { readonly value: T }
  | { readonly unknown: string; readonly because: 'barred' | 'late' | 'refused' };

type Question<T> = { readonly root: boolean; readonly ask: (host: Host) => Promise<T> };

/** A change that has begun, or waits to be confirmed; what is kept of it may be no such thing. */
export type LastChange = {
  readonly journal: Journal | null;
  readonly pending: Pending | null;
  readonly unreadable: { readonly message: string; readonly hint: string } | null;
  /** Whether a command of ours is at work. */
  readonly held: boolean;
};

/** A folder of ours; its mode is null when there is none. */
export type Kept = { readonly folder: string; readonly mode: number | null; readonly exposed: readonly Exposed[] };

/** Milliseconds for an answer. The drivers that may wait for somebody should give up before. */
export const DEADLINE = 5000;

/** Where `apply`, `down` and `rollback` are one at a time. */

/** Programs of the host that op-dbus runs, with the package of each. */
export const packages: Readonly<Record<string, string>> = {
  ip: 'iproute2',
  nft: 'nftables',
  conntrack: 'conntrack',
  curl: 'curl',
  ping: 'iputils-ping',
  modprobe: 'kmod',
  perl: 'perl-base',
  flock: 'util-linux',
  nsenter: 'util-linux',
  setpriv: 'util-linux',
  unshare: 'util-linux',
};

const modules = ['openvswitch', 'wireguard', 'nf_conntrack', 'tun', 'veth'] as const;

export const questions = {
  container: anybody(({ machine }) => machine.container()),
  kernel: anybody(({ machine }) => machine.kernel()),
  modules: anybody(moduleStates),
  tun: root(({ machine }) => machine.attempt('tun')),
  veth: root(({ machine }) => machine.attempt('veth')),
  wireguard: root(({ machine }) => machine.attempt('wireguard')),
  clsact: root(({ machine }) => machine.attempt('clsact')),
  nftables: root(({ machine }) => machine.attempt('nftables')),

  switchInstalled: anybody(({ machine }) => machine.version('ovs-vswitchd')),
  switchRunning: root(({ control }): Promise<string | null> => optional(control.command('version').then(number))),
  datapathTypes: root(datapathTypes),
  upcalls: root(
    ({ control }): Promise<readonly Upcalls[] | null> => optional(control.command('dpctl/show').then(upcalls)),
  ),
  meters: root(meterLimit),

  lxc: anybody(({ machine }) => machine.version('lxc-start')),
  template: anybody(({ containers }) => containers.prepared('debian-12')),
  templateBuilder: anybody(({ machine }) => either(machine.program('mmdebstrap'), machine.program('debootstrap'))),
  userIds: anybody(userIds),
  cgroups: anybody(cgroups),
  inotify: anybody(async ({ files }) => {
    const text = await files.read('/proc/sys/fs/inotify/max_user_instances');
    return text === null ? null : Number(text);
  }),
  cgroupsWritable: root(({ machine }) => machine.writable('/sys/fs/cgroup')),
  apparmor: anybody(async ({ files, machine }) => ({
    enabled: (await files.read('/sys/module/apparmor/parameters/enabled'))?.startsWith('Y') ?? null,
    reachable: (await files.mode('/sys/kernel/security/apparmor/.replace')) !== null,
    parser: await machine.version('apparmor_parser'),
  })),

  nft: anybody(({ machine }) => machine.version('nft')),
  forwarding: anybody(({ net }) => net.sysctl('net.ipv4.ip_forward')),
  forwardingWritable: root(({ machine }) => machine.writable('/proc/sys/net/ipv4/ip_forward')),
  reversePath: anybody(({ net }) => net.sysctl('net.ipv4.conf.all.rp_filter')),

  init: anybody(async ({ files }) => ((await files.read('/proc/1/comm')) ?? '').trim()),
  systemd: anybody(({ machine }) => machine.version('systemctl')),
  bus: anybody(bus),
  proxmox: anybody(async ({ machine, exec }) => ({
    pct: await machine.program('pct'),
    version: (await machine.program('pveversion')) && number((await quick(exec)(['pveversion'])).stdout),
  })),
  missing: anybody(missing),
  disk: anybody(({ machine }) => machine.space('/var/lib')),
  clock: anybody(({ machine }) => machine.synchronised()),

  wg: anybody(({ machine }) => machine.version('wg')),
  wireguardGo: anybody(({ machine }) => machine.version('wireguard-go')),
  xray: anybody(({ machine }) => machine.version('xray', 'version')),
  v2ray: anybody(({ machine }) => machine.version('v2ray', '-version')),
  shaping: anybody(compiled),
  wgcf: anybody(({ machine }) => machine.program('wgcf')),
  netclient: anybody(({ machine }) => machine.program('netclient')),

  change: root(change),
  boot: root(boot),
  settings: root((host) => kept(host, '/etc/op-dbus')),
  records: root((host) => kept(host, '/var/lib/op-dbus')),
} as const satisfies Readonly<Record<string, Question<unknown>>>;

export type Facts = {
  readonly [K in keyof typeof questions]: (typeof questions)[K] extends Question<infer T> ? Answer<T> : never;
};

/** Asked side by side; more at once would keep each other from answering in time on a slow machine. */
const LANES = 4;

/** Asks all of it. Without root, what only root may ask is not asked. Never throws. */
export async function gather(host: Host, isRoot: boolean): Promise<Facts> {
  const left = Object.entries(questions as Readonly<Record<string, Question<unknown>>>);
  const facts: Record<string, Answer<unknown>> = {};
  const lane = async (): Promise<void> => {
    for (let next = left.shift(); next !== undefined; next = left.shift()) {
      const [name, { root: needed, ask }] = next;
      facts[name] = needed && !isRoot ? barred : await answer(() => ask(host));
    }
  };
  await Promise.all(Array.from({ length: LANES }, lane));
  return facts as Facts;
}

const barred = { unknown: 'only root can tell', because: 'barred' } as const;

async function answer(ask: () => Promise<unknown>): Promise<Answer<unknown>> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<Answer<unknown>>((resolve) => {
    timer = setTimeout(resolve, DEADLINE, { unknown: `no answer within ${DEADLINE / 1000} s`, because: 'late' });
  });
  try {
    return await Promise.race([ask().then((value) => ({ value })), late]);
  } catch (error) {
    const because = error instanceof OpError && error.code === 'timeout' ? 'late' : 'refused';
    return { unknown: error instanceof Error ? error.message : String(error), because };
  } finally {
    clearTimeout(timer);
  }
}

function anybody<T>(ask: (host: Host) => Promise<T>): Question<T> {
  return { root: false, ask };
}

function root<T>(ask: (host: Host) => Promise<T>): Question<T> {
  return { root: true, ask };
}

/** A program that hangs ends before the question does. */
function quick(exec: Exec): Exec {
  return (argv, options) => exec(argv, { deadline: DEADLINE - 1000, ...options });
}

async function moduleStates({ machine }: Host): Promise<Readonly<Record<(typeof modules)[number], Module>>> {
  const states = await Promise.all(modules.map(async (name) => [name, await machine.module(name)] as const));
  return Object.fromEntries(states) as Record<(typeof modules)[number], Module>;
}

/** As the database tells, once the switch has run; null when there is none to ask. */
async function datapathTypes({ exec }: Host): Promise<readonly string[] | null> {
  const argv = ['ovs-vsctl', 'get', 'Open_vSwitch', '.', 'datapath_types'] as const;
  const said = await optional(quick(exec)(argv));
  return said === null || said.code !== 0 ? null : [...said.stdout.matchAll(/[\w-]+/g)].map(([type]) => type);
}

/** How many meters the switch can have, asked of one of its bridges; null when there is no bridge to ask. */
async function meterLimit({ ovsdb, exec }: Host): Promise<{ readonly bridge: string; readonly limit: number } | null> {
  const bridge = (await optional(ovsdb.bridges()))?.[0]?.name;
  if (bridge === undefined) return null;
  const argv = ['ovs-ofctl', '-O', 'OpenFlow13', 'meter-features', bridge] as const;
  const { stdout, stderr } = await quick(exec)(argv);
  const limit = /max_meter:(\d+)/.exec(stdout)?.[1];
  if (limit === undefined) throw new OpError('protocol', `${bridge}: ${stderr.split('\n')[0] || 'no answer'}`);
  return { bridge, limit: Number(limit) };
}

/** Null for controllers where the folder is no cgroup of version 2. */
async function cgroups({ files }: Host) {
  const words = (text: string | null): readonly string[] | null => text?.split(/\s+/).filter(Boolean) ?? null;
  const [controllers, delegated] = await Promise.all([
    files.read('/sys/fs/cgroup/cgroup.controllers').then(words),
    files.read('/sys/fs/cgroup/cgroup.subtree_control').then(words),
  ]);
  return { controllers, delegated: delegated ?? [] };
}

async function userIds({ files }: Host) {
  const read = async (path: string): Promise<string> => (await files.read(path)) ?? '';
  const [map, users, groups, namespaces] = await Promise.all(
    ['/proc/self/uid_map', '/etc/subuid', '/etc/subgid', '/proc/sys/user/max_user_namespaces'].map(read),
  );
  return { map: map ?? '', users: users ?? '', groups: groups ?? '', namespaces: Number(namespaces) };
}

async function change(host: Host): Promise<LastChange> {
  const held = await host.machine.held(LOCK);
  try {
    const [journal, pending] = [await readJournal(host), await readPending(host)];
    return { journal, pending, unreadable: null, held };
  } catch (error) {
    if (!(error instanceof OpError)) throw error;
    const hint = error.hint ?? `ls -l ${error.at ?? '/var/lib/op-dbus'}`;
    return { journal: null, pending: null, unreadable: { message: error.message, hint }, held };
  }
}

/** Whether forwarding is shut since the boot, and whether systemd has a unit of ours. */
async function boot(host: Host): Promise<{ readonly shut: boolean; readonly installed: boolean }> {
  const text = await host.files.read(pathOf(service));
  return { shut: await isShut(host), installed: text !== null && isOurs(text) };
}

/** Null when the bus answers, else why it doesn't. */
async function bus({ dbus }: Host): Promise<string | null> {
  return dbus.system().then(
    () => null,
    (error: unknown) => (error instanceof Error ? error.message : String(error)),
  );
}

async function missing({ machine }: Host): Promise<readonly string[]> {
  const names = Object.keys(packages);
  const paths = await Promise.all(names.map((name) => machine.program(name)));
  return names.filter((_, index) => paths[index] === null);
}

async function kept({ files, machine }: Host, folder: string): Promise<Kept> {
  return { folder, mode: await files.mode(folder), exposed: await machine.exposed(folder) };
}

async function either(first: Promise<string | null>, second: Promise<string | null>): Promise<string | null> {
  return (await first) ?? second;
}

/** `ovs-vswitchd (Open vSwitch) 3.1.0` → `3.1.0`. */
function number(text: string): string {
  return /\d+(\.\d+)+/.exec(text)?.[0] ?? text;
}
