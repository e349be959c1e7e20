// The bench of the container driver on a private host: a driver that counts its programs, ports, and what is left over.

import assert from 'node:assert/strict';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Exec, exec, run } from '../exec.ts';
import { type LxcOptions, lxcContainers } from './client.ts';
import type { Containers, Definition } from './contract.ts';
import { type Bench } from './suite.ts';
import { definition } from './sample.ts';
import { type PrivateHost, privateHost } from './testing.ts';

export type LxcBench = {
  readonly host: PrivateHost;
  /** The folder of the driver's records. */
  readonly home: string;
  readonly options: LxcOptions;
  readonly containers: Containers;
  /** Names of the programs that `containers` has run. */
  readonly called: string[];
  /** subuid and subgid before there were containers. */
  readonly etc: readonly string[];
  readonly bench: Bench;
  /** A test after which all is cleared. */
  readonly check: (promise: string, body: () => Promise<void>) => void;
  /** Makes a container with its port, and starts it. */
  readonly up: (name: string, wanted: Definition) => Promise<void>;
  /** What a program in container `one` prints. */
  readonly inner: (...argv: [string, ...string[]]) => Promise<string>;
};

/** Container `one`, on a port whose row is named otherwise. */
export const one = definition(100, { port: { row: 'wg-warp', device: 'internal_100', ofport: 100 } });

/** To be called inside a private host, once. */
export async function lxcBench(): Promise<LxcBench> {
  const host = await privateHost();
  after(host.stop);
  const home = `${host.folder}/records`;
  const options = { records: home };
  const called: string[] = [];
  const counting: Exec = (argv, more) => {
    called.push(argv[0]);
    return exec(argv, more);
  };
  const containers = lxcContainers({ ...options, exec: counting });
  await containers.prepare('debian-12', (line) => console.log(line));
  const etc = await files('/etc/subuid', '/etc/subgid');

  async function clear(): Promise<void> {
    for (const { name, running } of await containers.list()) {
      if (running) await containers.stop(name);
      await containers.destroy(name);
    }
    await containers.tidy();
    for (const name of await containers.filters())
      for (const table of ['guard', 'one', 'two']) await containers.filter(name).remove(table);
    await clearPorts();
    await exec(['rm', '-rf', `${home}/filter`, '/var/lib/lxc/theirs']);
  }

  const bench: Bench = {
    containers,
    port,
    plant: async (name) => {
      await mkdir(`/var/lib/lxc/${name}`, { recursive: true });
      await writeFile(`/var/lib/lxc/${name}/config`, `lxc.uts.name = ${name}\n`);
    },
    detach: () => detach(host),
    unit: (...given) => unit(containers, ...given),
    interrupt,
    leftover,
    clear,
  };

  /** A driver that is never heard of again once it makes the device node, with what it would have done next. */
  async function interrupt(name: string): Promise<void> {
    await new Promise<void>((resolve) => {
      const dying: Exec = (argv, more) => {
        if (argv[0] !== 'mknod') return exec(argv, more);
        resolve();
        return new Promise(() => {});
      };
      void lxcContainers({ ...options, exec: dying }).create(name, one);
    });
    await mkdir(`/var/lib/lxc/.op-dbus-probe-${name}/upper`, { recursive: true });
    await mkdir(`${home}/container/${name}`, { recursive: true });
    const record = { version: 1, definition: one, layout: 'overlay', base: 100_000, lower: '/' };
    for (const file of ['definition.json', 'hook.env.new', 'hook.env'])
      await writeFile(`${home}/container/${name}/${file}`, JSON.stringify(record));
  }

  async function leftover(): Promise<readonly string[]> {
    const names = (await containers.list()).map(({ name }) => name);
    const roots = (await readdir('/var/lib/lxc')).filter((name) => name.startsWith('.'));
    const records = (await run(exec, ['find', home, '-type', 'f', '!', '-name', 'filter.nft']).catch(() => ''))
      .split('\n')
      .filter((path) => path !== '' && !names.some((name) => path.includes(`/container/${name}/`)));
    if (names.length > 0) return [...roots, ...records.filter((path) => path.includes('/container/'))];
    const now = await files('/etc/subuid', '/etc/subgid');
    return [...roots, ...records, ...now.filter((text, index) => text !== etc[index])];
  }

  const check = (promise: string, body: () => Promise<void>): void =>
    void test(promise, async () => {
      try {
        await body();
      } finally {
        await clear();
      }
    });

  async function up(name: string, wanted: Definition): Promise<void> {
    await port(wanted);
    await containers.create(name, wanted);
    await containers.start(name);
  }

  async function inner(...argv: [string, ...string[]]): Promise<string> {
    const { code, stdout, stderr } = await containers.exec('one', argv);
    assert.equal(code, 0, stderr);
    return stdout.trim();
  }

  return { host, home, options, containers, called, etc, bench, check, up, inner };
}

/** Puts a container's port on the switch, with our mark. */
export async function port({ bridge, port: { row, device, ofport }, mac, mode }: Definition): Promise<void> {
  const type = mode === 'socket' ? ['type=internal', `mac="${mac}"`] : [];
  const make = ['--id=@i', 'create', 'Interface', `name=${device}`, `ofport_request=${ofport}`, ...type];
  const put = ['--id=@p', 'create', 'Port', `name=${row}`, 'interfaces=@i', `external_ids:op-dbus=${device}`];
  await run(exec, ['ovs-vsctl', '--timeout=10', ...make, '--', ...put, '--', 'add', 'Bridge', bridge, 'ports', '@p']);
}

export async function clearPorts(): Promise<void> {
  const rows = (await run(exec, ['ovs-vsctl', 'list-ports', 'ovsbr0'])).split('\n').filter((row) => row !== '');
  for (const row of rows) await run(exec, ['ovs-vsctl', '--timeout=10', 'del-port', row]);
}

/** A restart of the switch, which makes the devices of its ports anew. */
export async function detach(host: PrivateHost): Promise<void> {
  await host.stopSwitch();
  await host.startSwitch();
  await until('the new device', async () => (await devices()).includes(one.port.device));
}

/** Starts or stops a unit inside that only sleeps. */
export async function unit(containers: Containers, name: string, service: string, on: boolean): Promise<void> {
  const text = '[Service]\nExecStart=/bin/sleep 1000\n';
  await containers.write(name, `/etc/systemd/system/${service}.service`, text, { mode: 0o644, uid: 0, gid: 0 });
  assert.equal((await containers.exec(name, ['systemctl', on ? 'start' : 'stop', service])).code, 0);
}

export async function pings(address = '10.0.0.100'): Promise<boolean> {
  return (await exec(['ping', '-c', '1', '-W', '2', address])).code === 0;
}

export async function devices(): Promise<readonly string[]> {
  const links = JSON.parse(await run(exec, ['ip', '-j', 'link'])) as readonly { readonly ifname: string }[];
  return links.map(({ ifname }) => ifname);
}

export async function until(what: string, done: () => Promise<boolean>): Promise<void> {
  for (const end = Date.now() + 20_000; !(await done()); await sleep(20))
    assert.ok(Date.now() < end, `not within 20 s: ${what}`);
}

export async function files(...paths: readonly string[]): Promise<readonly string[]> {
  return Promise.all(paths.map((path) => readFile(path, 'utf8').catch(() => '')));
}
