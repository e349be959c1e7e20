// pct snapshot, template, clone: copies of a container and what they keep of it (PVE::AbstractConfig, PVE::API2::LXC).

import { writeFile } from 'node:fs/promises';
import { completeNet } from './change.ts';
import { type Config, EMPTY, type Part } from './config.ts';
import { owned } from './create.ts';
import { Die } from './die.ts';
import { load, needUnused, running, store } from './guest.ts';
import { locked, needUnlocked } from './lock.ts';
import { writeLxcConfig } from './lxc.ts';
import { mountRoot, unmountRoot } from './mounted.ts';
import { mount, rootfs } from './option.ts';
import { needQuorum, type Pve } from './pve.ts';
import { parseProperties, printProperties, type Values } from './schema.ts';
import { storage } from './storage.ts';
import { midway, task } from './task.ts';
import { allocate, copyVolume, renameVolume, snapshotVolume } from './volume.ts';

/** @returns the exit status. */
export function snapshot(pve: Pve, vmid: number, name: string, description?: string): Promise<number> {
  needQuorum(pve);
  return task(pve, 'snapshot', () =>
    locked(pve, vmid, async () => {
      const config = await load(pve, vmid);
      needUnlocked(config);
      if (config.values['template'] === '1') throw new Die("you can't take a snapshot if it's a template");
      if (config.snapshots[name] !== undefined) throw new Die(`snapshot name '${name}' already used`);
      for (const id of Object.values(owned(config)))
        if ((await storage(pve, id.split(':')[0] ?? '')).type !== 'btrfs')
          throw new Die('snapshot feature is not available');
      await midway(pve, 'snapshot');
      if (pve.control.hollow !== true)
        for (const id of Object.values(owned(config))) await snapshotVolume(pve, id, name);
      const saved: Part = {
        description: description === undefined ? null : `${description}\n`,
        values: { ...config.values, snaptime: String(Math.floor(Date.now() / 1000)) },
        raw: config.raw,
      };
      await store(pve, vmid, {
        ...config,
        values: { ...config.values, parent: name },
        snapshots: { ...config.snapshots, [name]: saved },
      });
    }),
  );
}

/** @returns the exit status: 0 also when its task failed. @throws Die for what is wrong before that. */
export async function template(pve: Pve, vmid: number): Promise<number> {
  needQuorum(pve);
  const before = await load(pve, vmid);
  needUnlocked(before);
  if (Object.keys(before.snapshots).length > 0)
    throw new Die('unable to create template, because CT contains snapshots');
  if (before.values['template'] === '1') throw new Die("you can't convert a CT that is a template already");
  if (await running(pve, vmid)) throw new Die("you can't convert a CT to a CT template if the CT is running");
  return task(pve, 'template', () =>
    locked(pve, vmid, async () => {
      const config = await load(pve, vmid);
      await midway(pve, 'template');
      const values: Record<string, string> = { ...config.values, template: '1' };
      for (const [key, id] of Object.entries(owned(config))) {
        if (id.endsWith('.subvol')) continue;
        const base = id.replace('/vm-', '/base-');
        await renameVolume(pve, id, base);
        values[key] = withVolume(key, values[key] as string, base);
      }
      await store(pve, vmid, { ...config, values });
      await writeLxcConfig(pve, vmid, { ...config, values });
    }),
  );
}

export type Cloning = {
  readonly hostname?: string;
  readonly description?: string;
  readonly storage?: string;
  readonly snapshot?: string;
  /** Whether volumes are copied; null leaves it to whether it is a template. */
  readonly full: boolean | null;
};

/** @returns the exit status. @throws Die for what is wrong before the task. */
export async function clone(pve: Pve, vmid: number, newid: number, asked: Cloning): Promise<number> {
  needQuorum(pve);
  const config = await load(pve, vmid);
  needUnlocked(config);
  const isTemplate = config.values['template'] === '1';
  const part: Pick<Config, 'values' | 'raw'> | undefined =
    asked.snapshot === undefined ? config : config.snapshots[asked.snapshot];
  if (part === undefined) throw new Die(`snapshot '${asked.snapshot}' does not exist`);
  if (asked.snapshot === undefined && (await running(pve, vmid)))
    throw new Die('Full clone of a running container is only possible from a snapshot');
  const full = asked.full ?? !isTemplate;
  if (!full && !isTemplate) throw new Die('Linked clone feature is only available for templates');
  if (!full && asked.storage !== undefined) throw new Die("parameter 'storage' not allowed for linked clones");
  for (const [key, id] of Object.entries(owned(part)))
    if (!full && id.endsWith('.subvol')) throw new Die(`Linked clone feature for '${key}' is not available`);
  await needUnused(pve, newid).catch((error: Error) => {
    throw new Die(`unable to create CT ${newid} - ${error.message}`);
  });
  await store(pve, newid, { ...EMPTY, values: { lock: 'create' } });
  return task(pve, 'clone', () =>
    locked(pve, vmid, async () => {
      await midway(pve, 'clone');
      const { template: _, parent: __, snaptime: ___, lock: ____, ...kept } = part.values;
      const values: Record<string, string> = { ...kept, hostname: asked.hostname ?? kept['hostname'] ?? `CT${newid}` };
      for (const [key, id] of Object.entries(owned(part))) {
        const name = asked.storage ?? id.split(':')[0] ?? '';
        const gib = id.endsWith('.subvol') ? 0 : Number.parseFloat(/size=([\d.]+)/.exec(values[key] ?? '')?.[1] ?? '4');
        const fresh = await allocate(pve, name, newid, gib);
        if (pve.control.hollow !== true) await copyVolume(pve, id, fresh, asked.snapshot);
        values[key] = withVolume(key, values[key] as string, fresh);
      }
      // What is raw is copied as it is, whatever device of the original's it names.
      for (const key of Object.keys(values))
        if (/^net\d+$/.test(key)) values[key] = completeNet((values[key] as string).replace(/,?hwaddr=[^,]*/, ''));
      const description = asked.description === undefined ? config.description : `${asked.description}\n`;
      const made: Config = { ...EMPTY, description, values, raw: part.raw };
      await store(pve, newid, made);
      await writeLxcConfig(pve, newid, made);
      if (pve.control.hollow === true) return;
      const root = await mountRoot(pve, newid, made);
      await writeFile(`${root}/etc/machine-id`, '');
      await unmountRoot(pve, newid);
    }),
  );
}

function withVolume(key: string, text: string, id: string): string {
  const rule = key === 'rootfs' ? rootfs : mount;
  const values: Values = { ...parseProperties(text, rule), volume: id };
  return printProperties(values, rule);
}
