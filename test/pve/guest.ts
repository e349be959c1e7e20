// The containers of the node: their configuration files, who has which id, which of them run (PVE::AbstractConfig).

import { createHash } from 'node:crypto';
import { readdir, readFile, rm } from 'node:fs/promises';
import { optional } from '../../src/drivers/container/record.ts';
import { type Config, parseConfig, writeConfig } from './config.ts';
import { Die } from './die.ts';
import { needQuorum, type Pve, replace, writeIds } from './pve.ts';

/** @throws Die with errno's 2 when there is none. */
export async function load(pve: Pve, vmid: number): Promise<Config> {
  return parseConfig(vmid, await text(pve, vmid), pve.warn);
}

/** SHA-1 of the file, by which a change by somebody else is seen. */
export async function digest(pve: Pve, vmid: number): Promise<string> {
  return createHash('sha1')
    .update(await text(pve, vmid))
    .digest('hex');
}

export async function store(pve: Pve, vmid: number, config: Config): Promise<void> {
  needQuorum(pve);
  await replace(path(pve, vmid), writeConfig(config));
  await writeIds(pve);
}

/** Removes the configuration. */
export async function forget(pve: Pve, vmid: number): Promise<void> {
  needQuorum(pve);
  await rm(path(pve, vmid));
  await writeIds(pve);
}

/** Ids of this node's containers, in their order. */
export async function ids(pve: Pve): Promise<readonly number[]> {
  const files = await readdir(pve.below(`/etc/pve/nodes/${pve.node}/lxc`));
  return files
    .flatMap((file) => /^(\d+)\.conf$/.exec(file)?.[1] ?? [])
    .map(Number)
    .toSorted((a, b) => a - b);
}

/** @throws Die when a container or a virtual machine of the cluster has the id. */
export async function needUnused(pve: Pve, vmid: number): Promise<void> {
  const list = JSON.parse(await readFile(pve.below('/etc/pve/.vmlist'), 'utf8')) as {
    ids: Record<string, { node: string; type: string }>;
  };
  const found = list.ids[vmid];
  if (found !== undefined)
    throw new Die(`${found.type === 'lxc' ? 'CT' : 'VM'} ${vmid} already exists on node '${found.node}'`);
}

/** Whether LXC's monitor listens, as seen from the network namespace that we are in. */
export async function running(pve: Pve, vmid: number): Promise<boolean> {
  const socket = ` @${pve.below(`/var/lib/lxc/${vmid}/command`)}`;
  return (await readFile('/proc/net/unix', 'utf8')).split('\n').some((line) => line.endsWith(socket));
}

async function text(pve: Pve, vmid: number): Promise<string> {
  const found = await optional(readFile(path(pve, vmid), 'utf8'));
  if (found === null) throw new Die(`Configuration file 'nodes/${pve.node}/lxc/${vmid}.conf' does not exist`, 2);
  return found;
}

function path(pve: Pve, vmid: number): string {
  return pve.below(`/etc/pve/nodes/${pve.node}/lxc/${vmid}.conf`);
}
