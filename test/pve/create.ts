// pct create and pct destroy (PVE::API2::LXC create_vm, destroy_vm).

import { mkdtemp, rm, rmdir } from 'node:fs/promises';
import { normalize } from './change.ts';
import { EMPTY, type Config } from './config.ts';
import { badParameters, Die } from './die.ts';
import { forget, load, needUnused, running, store } from './guest.ts';
import { locked, needUnlocked } from './lock.ts';
import { writeLxcConfig } from './lxc.ts';
import { mount, rootfs } from './option.ts';
import { needBridge } from './bridge.ts';
import { midway, task } from './task.ts';
import { needQuorum, type Pve } from './pve.ts';
import { needFile, storage, storages, volumes } from './storage.ts';
import { parseProperties, printProperties, type Values } from './schema.ts';
import { halt, start } from './power.ts';
import { allocate, fill, mountVolume, removeVolume } from './volume.ts';
import { settle } from './inside.ts';
import { exec } from '../../src/drivers/exec.ts';

/** What create takes beside the configuration's keys. */
export type Making = {
  readonly template: string;
  readonly storage?: string;
  readonly start: boolean;
};

/** @returns the exit status. @throws Die for what is wrong before the task begins. */
export async function create(pve: Pve, vmid: number, given: Values, making: Making): Promise<number> {
  needQuorum(pve);
  const archive = await needFile(pve, making.template);
  const set = await normalize(pve, given);
  const root = await rootOf(pve, set['rootfs'], making.storage ?? 'local');
  for (const [key, value] of Object.entries(set)) if (/^net\d/.test(key)) checkCard(value);
  const unprivileged = (set['unprivileged'] ?? (pve.control.version === 9 ? '1' : '0')) === '1';
  await locked(pve, vmid, async () => {
    try {
      await needUnused(pve, vmid);
    } catch (error) {
      throw new Die(`unable to create CT ${vmid} - ${(error as Error).message}`);
    }
    await store(pve, vmid, { ...EMPTY, values: { lock: 'create' } });
  });
  return task(pve, 'create', async () => {
    const made: string[] = [];
    try {
      await locked(pve, vmid, async () => {
        const id = await allocate(pve, root.storage, vmid, root.gib);
        made.push(id);
        pve.say(`extracting archive '${archive}'`);
        await fill(pve, id, archive, unprivileged);
        await midway(pve, 'create');
        const { rootfs: _, unprivileged: __, description, ...rest } = set;
        const mounts: Record<string, string> = {};
        for (const [key, value] of Object.entries(rest))
          if (/^mp\d/.test(key)) mounts[key] = await ownMount(pve, vmid, value, made);
        const values = {
          arch: 'amd64',
          hostname: `CT${vmid}`,
          memory: '512',
          ostype: 'debian',
          swap: '512',
          ...rest,
          ...mounts,
          rootfs: printProperties({ volume: id, size: root.gib === 0 ? '0T' : `${root.gib}G` }, rootfs),
          ...(unprivileged ? { unprivileged: '1' } : {}),
        };
        const config: Config = {
          ...EMPTY,
          description: description === undefined ? null : `${description.replace(/\n$/, '')}\n`,
          values,
        };
        if (pve.control.hollow !== true) await settleOnce(pve, vmid, config, id);
        await store(pve, vmid, config);
        await writeLxcConfig(pve, vmid, config);
      });
    } catch (error) {
      for (const id of made) await removeVolume(pve, id);
      await rm(pve.below(`/var/lib/lxc/${vmid}`), { recursive: true, force: true });
      await forget(pve, vmid);
      throw new Die(`unable to create CT ${vmid} - ${(error as Error).message}`);
    }
    if (making.start) await start(pve, vmid);
  });
}

export type Removing = {
  /** Also when it runs. */
  readonly force: boolean;
  /** Also volumes of its number that its configuration does not name, as a creation that has died leaves them. */
  readonly unreferenced: boolean;
};

/** @returns the exit status. @throws Die */
export async function destroy(pve: Pve, vmid: number, { force, unreferenced }: Removing): Promise<number> {
  needQuorum(pve);
  const check = (config: Config): void => {
    if (config.values['protection'] === '1') throw new Die(`can't remove CT ${vmid} - protection mode enabled`);
    needUnlocked(config);
  };
  check(await load(pve, vmid));
  const isOn = await running(pve, vmid);
  if (isOn && !force) throw new Die(`unable to destroy CT ${vmid} - container is running`);
  return task(pve, 'destroy', () =>
    locked(pve, vmid, async () => {
      const config = await load(pve, vmid);
      check(config);
      if (await running(pve, vmid)) await halt(pve, vmid, config, ['-k']);
      await midway(pve, 'destroy');
      await store(pve, vmid, { ...EMPTY, values: { ...config.values, lock: 'destroyed' } });
      await exec(['umount', '-R', '-l', pve.below(`/var/lib/lxc/${vmid}/rootfs`)]);
      for (const id of Object.values(owned(config))) await removeVolume(pve, id);
      if (unreferenced)
        for (const { name, disabled } of await storages(pve))
          for (const { id, vmid: of } of disabled ? [] : await volumes(pve, name))
            if (of === vmid) await removeVolume(pve, id);
      await rm(pve.below(`/var/lib/lxc/${vmid}`), { recursive: true, force: true });
      await forget(pve, vmid);
    }),
  );
}

/** Ids of a container's volumes, by their keys; no folders of the machine's. */
export function owned({ values }: Pick<Config, 'values'>): Readonly<Record<string, string>> {
  const keys = Object.keys(values).filter((key) => /^(rootfs|mp\d+)$/.test(key));
  const ids = keys.map((key) => [
    key,
    parseProperties(values[key] as string, key === 'rootfs' ? rootfs : mount)['volume'] ?? '',
  ]);
  return Object.fromEntries(ids.filter(([, id]) => !id?.startsWith('/')) as [string, string][]);
}

/** `STORAGE:GiB`, a bare number, or nothing. @throws Die */
async function rootOf(
  pve: Pve,
  text: string | undefined,
  fallback: string,
): Promise<{ readonly storage: string; readonly gib: number }> {
  const asked = text === undefined ? '4' : (parseProperties(text, rootfs)['volume'] ?? '');
  const [, name = fallback, gib] = /^(?:([a-zA-Z][\w.-]*):)?(\d+(?:\.\d+)?)$/.exec(asked) ?? [];
  if (gib === undefined) throw badParameters({ rootfs: `unable to parse volume ID '${asked}'` });
  const { content } = await storage(pve, name);
  if (!content.includes('rootdir'))
    throw badParameters({ storage: `storage '${name}' does not support container directories` });
  return { storage: name, gib: Number(gib) };
}

/** A mount point of a folder of the machine's as it is, one of a size as a volume of the container's. */
async function ownMount(pve: Pve, vmid: number, text: string, made: string[]): Promise<string> {
  const point = parseProperties(text, mount);
  const { volume = '' } = point;
  if (volume.startsWith('/')) return text;
  const { storage: name, gib } = await rootOf(pve, volume, 'local');
  const id = await allocate(pve, name, vmid, gib);
  made.push(id);
  return printProperties({ ...point, volume: id, size: `${gib}G` }, mount);
}

/** A bridge is only looked at when there is an MTU to compare with its own. */
function checkCard(text: string): void {
  const [, bridge] = /(?:^|,)bridge=([^,]+)/.exec(text) ?? [];
  if (bridge !== undefined && /(?:^|,)mtu=/.test(text)) needBridge(bridge);
}

async function settleOnce(pve: Pve, vmid: number, config: Config, id: string): Promise<void> {
  const target = await mkdtemp(pve.below('/run/pve/setup-'));
  await mountVolume(pve, id, target);
  try {
    await settle(target, vmid, config, true);
  } finally {
    await exec(['umount', target]);
    await rmdir(target);
  }
}
