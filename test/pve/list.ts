// pct list, status, config, pending, and the list that pvesh has: what there is, without changing it.

import { readFile } from 'node:fs/promises';
import { type Config, encode, type Part } from './config.ts';
import { badParameters } from './die.ts';
import { ids, load, running } from './guest.ts';
import { init } from './hotplug.ts';
import type { Pve } from './pve.ts';
import type { Values } from './schema.ts';

/** Nothing at all when there is no container. */
export async function list(pve: Pve): Promise<void> {
  const found = await ids(pve);
  if (found.length === 0) return;
  const row = (vmid: string, status: string, lock: string, name: string): void =>
    pve.say(`${vmid.padEnd(10)} ${status.padEnd(10)} ${lock.padEnd(12)} ${name.padEnd(20)}`);
  row('VMID', 'Status', 'Lock', 'Name');
  for (const vmid of found) {
    const { values } = await load(pve, vmid);
    row(String(vmid), await state(pve, vmid), values['lock'] ?? '', values['hostname'] ?? `CT${vmid}`);
  }
}

export async function status(pve: Pve, vmid: number, verbose: boolean): Promise<void> {
  const { values } = await load(pve, vmid);
  if (!verbose) return pve.say(`status: ${await state(pve, vmid)}`);
  const told = await summary(pve, vmid, values);
  for (const key of Object.keys(told).toSorted()) pve.say(`${key}: ${told[key]}`);
}

/** `current`: without what is pending. */
export async function config(pve: Pve, vmid: number, how: { current: boolean; snapshot?: string }): Promise<void> {
  const found = await load(pve, vmid);
  const part = how.snapshot === undefined ? (how.current ? found : future(found)) : found.snapshots[how.snapshot];
  if (part === undefined) throw badParameters({ snapshot: `snapshot '${how.snapshot}' does not exist` });
  const notes = part.description === null ? {} : { description: encode(part.description) };
  const values: Values = { ...part.values, ...notes };
  for (const key of Object.keys(values).toSorted()) pve.say(`${key}: ${values[key]}`);
  for (const [key, value] of part.raw) pve.say(`${key}: ${value}`);
}

export async function pending(pve: Pve, vmid: number): Promise<void> {
  const { values, pending: fresh, deleted } = await load(pve, vmid);
  for (const key of [...new Set([...Object.keys(values), ...Object.keys(fresh)])].toSorted()) {
    if (deleted.includes(key)) pve.say(`del ${key}: ${values[key]}`);
    else {
      if (values[key] !== undefined) pve.say(`cur ${key}: ${values[key]}`);
      if (fresh[key] !== undefined) pve.say(`new ${key}: ${fresh[key]}`);
    }
  }
}

/** As `pvesh get /nodes/NODE/lxc` has them. */
export async function summaries(pve: Pve): Promise<readonly Readonly<Record<string, string | number>>[]> {
  const told = [];
  for (const vmid of await ids(pve)) told.push(await summary(pve, vmid, (await load(pve, vmid)).values));
  return told;
}

async function summary(pve: Pve, vmid: number, values: Values): Promise<Record<string, string | number>> {
  const on = await running(pve, vmid);
  // The list of containers gives ids as text up to version 8.
  const id = pve.control.version === 9 ? vmid : String(vmid);
  const cpus = Number(values['cores'] ?? 1);
  return {
    vmid: id,
    type: 'lxc',
    status: on ? 'running' : 'stopped',
    name: values['hostname'] ?? `CT${vmid}`,
    cpus,
    maxmem: Number(values['memory'] ?? 512) * 1024 ** 2,
    maxswap: Number(values['swap'] ?? 0) * 1024 ** 2,
    maxdisk: Number.parseFloat(/size=([\d.]+)G/.exec(values['rootfs'] ?? '')?.[1] ?? '0') * 1024 ** 3,
    uptime: on ? await uptime(pve, vmid) : 0,
    ...(on ? { pid: Number(await init(pve, vmid)) } : {}),
    ...(values['lock'] === undefined ? {} : { lock: values['lock'] }),
    ...(values['tags'] === undefined ? {} : { tags: values['tags'] }),
    ...(values['template'] === '1' ? { template: 1 } : {}),
  };
}

async function uptime(pve: Pve, vmid: number): Promise<number> {
  const [stat, since] = await Promise.all([
    readFile(`/proc/${await init(pve, vmid)}/stat`, 'utf8'),
    readFile('/proc/uptime', 'utf8'),
  ]);
  const start = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]) / 100;
  return Math.max(1, Math.floor(Number.parseFloat(since) - start));
}

async function state(pve: Pve, vmid: number): Promise<string> {
  return (await running(pve, vmid)) ? 'running' : 'stopped';
}

function future(found: Config): Part {
  const values = { ...found.values, ...found.pending };
  for (const key of found.deleted) delete values[key];
  return { ...found, values };
}
