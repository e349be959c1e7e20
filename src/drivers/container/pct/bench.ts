// The bench of the Proxmox driver: pct's double of test/pve below a private host's folder, with real LXC under it.

import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { after } from 'node:test';
import { source } from '../../source.ts';
import { type Exec, exec, run } from '../../exec.ts';
import { clearPorts, detach, one, port, unit } from '../bench.ts';
import type { Containers } from '../contract.ts';
import { optional } from '../record.ts';
import { definition } from '../sample.ts';
import { base } from '../subid.ts';
import type { Bench } from '../suite.ts';
import { treePath } from '../template.ts';
import { type PrivateHost, privateHost } from '../testing.ts';
import { pctContainers, type PctOptions } from './client.ts';

export type PctBench = {
  readonly host: PrivateHost;
  /** The folder of the driver's records. */
  readonly home: string;
  /** The emulated node's root, PVE_ROOT. */
  readonly node: string;
  readonly options: PctOptions;
  readonly containers: Containers;
  /** Names of the programs that `containers` has run. */
  readonly called: string[];
  readonly bench: Bench;
};

const confD = '/usr/share/lxc/config/common.conf.d';

/** To be called inside a private host, once. */
export async function pctBench(): Promise<PctBench> {
  const host = await privateHost();
  after(host.stop);
  const [home, node, conf] = ['records', 'node', 'conf'].map((name) => `${host.folder}/${name}`) as [
    string,
    string,
    string,
  ];
  await mkdir(conf);
  await run(exec, ['mount', '--bind', conf, confD]);
  process.env['PATH'] = `${source('test/pve', 'bin')}:${process.env['PATH']}`;
  process.env['PVE_ROOT'] = node;
  // As an installation of Proxmox has it.
  for (const file of ['subuid', 'subgid']) await writeFile(`/etc/${file}`, 'root:100000:65536\n');
  const templates = `${node}/var/lib/vz/template/cache`;
  await mkdir(templates, { recursive: true });
  const tree = treePath('/var/cache/op-dbus/template', 'debian-12', await base('/etc'));
  for (const name of ['standard_12.7-1', 'op-dbus_1'])
    await writeFile(`${templates}/debian-12-${name}_amd64.tar.zst`, `pve-double tree: ${tree}\n`);
  const options = {
    ...{ records: home, pve: `${node}/etc/pve`, lxc: `${node}/var/lib/lxc`, locks: `${node}/run/lock/lxc` },
    dropIn: `${confD}/60-op-dbus.conf`,
  };
  const called: string[] = [];
  const counting: Exec = (argv, more) => {
    called.push(argv[0]);
    return exec(argv, more);
  };
  const containers = pctContainers({ ...options, exec: counting });
  await run(exec, ['pct', 'list']);

  async function clear(): Promise<void> {
    for (const { name, running } of await containers.list()) {
      if (running) await containers.stop(name);
      await containers.destroy(name);
    }
    await containers.tidy();
    await containers.close();
    for (const name of await containers.filters())
      for (const table of ['guard', 'one', 'two']) await containers.filter(name).remove(table);
    await clearPorts();
    await exec(['rm', '-rf', `${node}/etc/pve/lxc/999.conf`]);
  }

  /** A driver that is never heard of again once Proxmox has made the container. */
  async function interrupt(name: string): Promise<void> {
    await new Promise<void>((resolve) => {
      const dying: Exec = (argv, more) => {
        if (argv[0] !== 'pct' || argv[1] === 'create') return exec(argv, more);
        resolve();
        return new Promise(() => {});
      };
      void pctContainers({ ...options, exec: dying }).create(name, name === 'one' ? one : definition(101));
    });
  }

  async function leftover(): Promise<readonly string[]> {
    const listed = await containers.list();
    const ids = [...listed.map(({ definition: { id } }) => `${id}.conf`), '999.conf'];
    const confs = (await readdir(`${node}/etc/pve/lxc`)).filter((file) => !ids.includes(file));
    const records = (await run(exec, ['find', home, '!', '-type', 'd', '!', '-name', 'filter.nft']).catch(() => ''))
      .split('\n')
      .filter((path) => path !== '' && !listed.some(({ name }) => path.includes(`/container/${name}/`)));
    const own = listed.length > 0 ? records.filter((path) => path.includes('/container/')) : records;
    const dropIns = listed.length > 0 ? [] : ((await optional(readdir(confD))) ?? []);
    return [...confs, ...own, ...dropIns];
  }

  const bench: Bench = {
    containers,
    port,
    plant: (name) => writeFile(`${node}/etc/pve/lxc/999.conf`, `hostname: ${name}\nunprivileged: 1\n`),
    detach: () => detach(host),
    unit: (...given) => unit(containers, ...given),
    interrupt,
    leftover,
    clear,
  };
  return { host, home, node, options, containers, called, bench };
}
