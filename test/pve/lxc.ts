// /var/lib/lxc/VMID/config, generated anew at each start, set and reboot from within (PVE::LXC update_lxc_config).

import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { confines } from '../../src/drivers/container/apparmor.ts';
import { exec } from '../../src/drivers/exec.ts';
import { source } from '../../src/drivers/source.ts';
import type { Config } from './config.ts';
import { device, net } from './option.ts';
import { type Pve, replace } from './pve.ts';
import { parseProperties, type Values } from './schema.ts';
import { BASE } from './volume.ts';

export type Surroundings = {
  /** The container's folder. */
  readonly folder: string;
  /** The program that LXC runs for us. */
  readonly hook: string;
  /** The script that puts a card on its bridge. */
  readonly plug: string;
  readonly apparmor: boolean;
  /** More of `/usr/share/lxc/config/common.conf.d`, when the root is not the machine's. */
  readonly dropIns: string | null;
};

export async function writeLxcConfig(pve: Pve, vmid: number, config: Config): Promise<void> {
  const folder = pve.below(`/var/lib/lxc/${vmid}`);
  const dropIns = pve.below('/usr/share/lxc/config/common.conf.d');
  await mkdir(`${folder}/rootfs`, { recursive: true });
  const text = lxcConfig(vmid, config, {
    folder,
    hook: source('test/pve/hook.sh'),
    plug: source('test/pve/lxcnetaddbr'),
    apparmor: await confines(exec),
    dropIns: pve.root !== '/' && existsSync(dropIns) ? dropIns : null,
  });
  await replace(`${folder}/config`, text);
}

/** Pure. The drop-ins come before our own hooks, as the order of a folder may have it on a real node. */
export function lxcConfig(
  vmid: number,
  { values, raw }: Config,
  { folder, hook, plug, apparmor, dropIns }: Surroundings,
): string {
  const unprivileged = values['unprivileged'] === '1';
  const nesting = parseFeatures(values['features'])['nesting'] === '1';
  return [
    'lxc.include = /usr/share/lxc/config/common.conf',
    ...(dropIns === null ? [] : [`lxc.include = ${dropIns}`]),
    ...['pre-start', 'post-stop'].map((type) => `lxc.hook.${type} = ${hook}`),
    ...(unprivileged
      ? [
          'lxc.include = /usr/share/lxc/config/userns.conf',
          `lxc.idmap = u 0 ${BASE} 65536`,
          `lxc.idmap = g 0 ${BASE} 65536`,
        ]
      : []),
    ...(apparmor
      ? ['lxc.apparmor.profile = generated', `lxc.apparmor.allow_nesting = ${nesting ? 1 : 0}`]
      : ['lxc.apparmor.profile = unconfined']),
    ...(nesting ? ['lxc.mount.auto = proc:rw sys:rw'] : ['lxc.mount.auto = sys:mixed']),
    'lxc.monitor.unshare = 1',
    `lxc.tty.max = ${values['tty'] ?? 2}`,
    'lxc.environment = TERM=linux',
    `lxc.uts.name = ${values['hostname'] ?? `CT${vmid}`}`,
    ...(values['cores'] === undefined ? [] : [`# ${values['cores']} cores; the double has no cpu sets and no limits`]),
    `lxc.rootfs.path = ${folder}/rootfs`,
    ...indices(values, 'dev').flatMap((index) => deviceLines(folder, values[`dev${index}`] as string)),
    ...indices(values, 'net').flatMap((index) => netLines(vmid, index, values, plug)),
    ...raw.map(([key, value]) => `${key} = ${value}`),
    '',
  ].join('\n');
}

/** Indices of the keys `nameN`, sorted. */
export function indices(values: Values, name: string): readonly number[] {
  const found = Object.keys(values).flatMap((key) => new RegExp(`^${name}(\\d+)$`).exec(key)?.[1] ?? []);
  return found.map(Number).toSorted((a, b) => a - b);
}

function netLines(vmid: number, index: number, values: Values, plug: string): readonly string[] {
  const card = parseProperties(values[`net${index}`] as string, net);
  const at = `lxc.net.${index}`;
  return [
    `${at}.type = veth`,
    `${at}.veth.pair = veth${vmid}i${index}`,
    `${at}.hwaddr = ${card['hwaddr']}`,
    `${at}.name = ${card['name']}`,
    ...(card['mtu'] === undefined ? [] : [`${at}.mtu = ${card['mtu']}`]),
    `${at}.script.up = ${plug}`,
  ];
}

/** The node is made before the start, in the container's own folder. */
function deviceLines(folder: string, text: string): readonly string[] {
  const path = parseProperties(text, device)['path'] ?? '';
  return [
    `lxc.mount.entry = ${folder}/passthrough${path} ${path.slice(1)} none bind,create=file 0 0`,
    'lxc.cgroup2.devices.allow = c *:* rwm',
  ];
}

function parseFeatures(text = ''): Values {
  return Object.fromEntries(text.split(',').map((one) => one.split('=') as [string, string]));
}
