// `op-dbus lab up|status|exec|down`: the whole chain on one machine. Its picture is in topology.ts.

import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import type { ExecResult } from '../drivers/exec.ts';
import { mountCgroups, remove } from './down.ts';
import { ask, capture as captureInside, daemon, interact, startHost, writeInside } from './host.ts';
import { connect } from './network.ts';
import { alive, CGROUP, FOLDER, hostFolder, locked, readRecord, writeRecord, type Pid1 } from './record.ts';
import { source } from '../drivers/source.ts';
import { PROXMOX } from './prove/container.ts';
import { remember } from './prove/snapshot.ts';
import { startSwitch } from './switch.ts';
import { HOSTS, LINKS, RESOLVERS, SWITCHED, TARGET, type HostName } from './topology.ts';
import { makeTrust, type Trust } from './trust.ts';
import { keyPair, startClient, startWarp, wgcfProfile } from './wireguard.ts';

export type Progress = (line: string) => void;

export type UpOptions = {
  readonly progress: Progress;
  /**
   * Applies the profiles in `vps` and `home`: hosts, network, switches and servers are up, home has
   * /etc/op-dbus/wgcf-profile.conf. Must leave home's /etc/op-dbus/client.conf, a wg-quick file for the client.
   * Without it the lab stays a bare network.
   */
  readonly configure?: () => Promise<void>;
  /** Leaves what there is when something fails, to be looked at; else the lab is taken down. */
  readonly keep?: boolean;
  /** Once raised, the building ends as a failing one, at once: its processes are taken away from it. */
  readonly stop?: AbortSignal;
};

export type LabStatus = {
  /** `half`: something of a lab is there, but `lab up` has not come to its end or not every host is up. */
  readonly state: 'none' | 'half' | 'whole';
  readonly hosts: readonly {
    readonly name: HostName;
    /** Its pid 1 as the machine numbers it; null when the host is down. */
    readonly pid: number | null;
    readonly addresses: readonly string[];
    /** Where its logs are. */
    readonly folder: string;
  }[];
};

/**
 * Makes the lab anew: remains of another one are removed first. @throws OpError, or `stop`'s reason once that was raised;
 * then nothing is left, unless `keep`.
 */
export async function up(options: UpOptions): Promise<void> {
  await locked(async () => {
    await remove();
    try {
      await stoppable(build(options), options.stop);
      options.stop?.throwIfAborted();
    } catch (error) {
      if (options.keep !== true) await remove();
      // What failed by being stopped is no news.
      options.stop?.throwIfAborted();
      throw error;
    }
  });
}

export async function status(): Promise<LabStatus> {
  const record = await readRecord();
  const hosts = await Promise.all(
    HOSTS.map(async (name) => {
      const pid1 = record?.hosts[name];
      const ends = LINKS.flatMap((link) => [link, link.peer]).filter((end) => end.host === name);
      return {
        name,
        pid: pid1 !== undefined && (await alive(pid1)) ? pid1.pid : null,
        addresses: ends.flatMap((end) => end.addresses),
        folder: hostFolder(name),
      };
    }),
  );
  if (record?.whole && hosts.every(({ pid }) => pid !== null)) return { state: 'whole', hosts };
  return { state: existsSync(FOLDER) ? 'half' : 'none', hosts };
}

/** Runs a program in a host on our own standard input, output and error. @returns its exit status. */
export async function run(host: HostName, argv: readonly string[]): Promise<number> {
  return interact(host, argv);
}

/** Runs a program in a host and returns what it printed. `deadline` in milliseconds, 30,000 unless told. */
export async function capture(
  host: HostName,
  argv: readonly string[],
  stdin = '',
  deadline = 30_000,
): Promise<ExecResult> {
  return captureInside(host, argv, { stdin, deadline });
}

/** Removes the lab, whatever state it is in; quiet when there is none. */
export async function down(progress: Progress): Promise<void> {
  await locked(async () => {
    await remove();
    progress('lab: nothing left');
  });
}

/** Waits for the building's end. Once `stop` is raised it fails soon: everything that it starts in the lab is killed. */
async function stoppable(building: Promise<void>, stop: AbortSignal | undefined): Promise<void> {
  let killing: NodeJS.Timeout | undefined;
  const kill = (): void => {
    // Not there yet, or no more: then nothing is to be killed.
    killing = setInterval(() => void writeFile(`${CGROUP}/cgroup.kill`, '1').catch(() => undefined), 20);
  };
  if (stop?.aborted) kill();
  else stop?.addEventListener('abort', kill);
  try {
    await building;
  } finally {
    stop?.removeEventListener('abort', kill);
    clearInterval(killing);
  }
}

/** All of it, also when one fails: what still runs would get in the way of the removal. @throws the first failure. */
async function all(steps: readonly Promise<void>[]): Promise<void> {
  for (const result of await Promise.allSettled(steps)) if (result.status === 'rejected') throw result.reason;
}

async function build({ progress, configure, stop }: UpOptions): Promise<void> {
  stop?.throwIfAborted();
  await mkdir(FOLDER, { recursive: true, mode: 0o700 });
  await mountCgroups();
  await mkdir(CGROUP);
  const trust = await makeTrust();
  const hosts: Partial<Record<HostName, Pid1>> = {};
  stop?.throwIfAborted();
  await all(
    HOSTS.map(async (name) => {
      hosts[name] = await startHost(name, etc(name, trust));
    }),
  );
  await writeRecord({ version: 1, hosts, whole: false });
  progress(`hosts: ${HOSTS.join(' ')}`);
  await connect();
  progress('network: links, addresses, routes');
  const [device, warp] = [keyPair(), keyPair()];
  stop?.throwIfAborted();
  await all([
    serve('inet', 'dns', RESOLVERS),
    serve('target', 'target', ['/etc/lab/server.pem', '/etc/lab/server.key', String(TARGET.echo)]),
    serve('warp', 'trace', ['/etc/lab/server.pem', '/etc/lab/server.key']),
    startWarp(warp, device.publicKey),
    ...SWITCHED.map(startSwitch),
    writeInside('home', '/etc/op-dbus/wgcf-profile.conf', wgcfProfile(device.privateKey, warp.publicKey), 0o600),
  ]);
  progress('servers: names, ifconfig.me, WARP; Open vSwitch in home and vps');
  // A node of Proxmox's has its folders before anybody asks it for anything.
  if (PROXMOX) await all(SWITCHED.map(node));
  if (configure !== undefined) {
    await all(SWITCHED.map(remember));
    await configure();
    const config = await ask('home', ['cat', '/etc/op-dbus/client.conf']);
    await startClient(config);
    progress('client: wg0 is up');
  }
  stop?.throwIfAborted();
  await writeRecord({ version: 1, hosts, whole: true });
}

/** A template of ours is there already, since the lab has no packages to build one from: the double's stands for the same tree. */
async function node(name: HostName): Promise<void> {
  const file = 'debian-12-standard_12.12-1_amd64.tar.zst';
  await ask(name, ['pct', 'list']);
  await ask(name, ['pveam', 'download', 'local', file]);
  const folder = '/var/lib/vz/template/cache';
  await ask(name, ['mv', `${folder}/${file}`, `${folder}/debian-12-op-dbus_1_amd64.tar.zst`]);
}

function etc(name: HostName, trust: Trust): Record<string, string> {
  const bundle = { 'ssl/certs/ca-certificates.crt': trust.bundle, 'lab/authority.pem': trust.authority };
  if (name !== 'target' && name !== 'warp') return bundle;
  return { ...bundle, 'lab/server.pem': trust.certificate, 'lab/server.key': trust.key };
}

function serve(host: HostName, name: string, args: readonly string[]): Promise<void> {
  return daemon(host, `${name}.log`, [process.execPath, source('src/lab/server', `${name}.ts`), ...args]);
}
