// pct set: what is asked for is checked, noted as pending, and takes effect at once where it can (PVE::LXC::Config).

import { randomBytes } from 'node:crypto';
import { applyNow } from './hotplug.ts';
import type { Config } from './config.ts';
import { badParameters, Die, type Faults } from './die.ts';
import { digest as digestOf, load, running, store } from './guest.ts';
import { needHookscript } from './hookscript.ts';
import { locked, needUnlocked } from './lock.ts';
import { writeLxcConfig } from './lxc.ts';
import { net, ruleOf } from './option.ts';
import { needQuorum, type Pve } from './pve.ts';
import { parseProperties, printProperties, type Values } from './schema.ts';
import { midway } from './task.ts';

/** Takes effect in a running container's configuration at once, whatever it means inside. */
const AT_ONCE = 'cores description hookscript hostname lock onboot protection startup tags'.split(' ');
const READ_ONLY = ['unprivileged', 'rootfs', 'arch', 'ostype'];

export type Wanted = {
  readonly set: Values;
  readonly remove: readonly string[];
  readonly revert: readonly string[];
  readonly digest?: string;
};

/** @throws Die; then nothing has changed. */
export async function change(pve: Pve, vmid: number, wanted: Wanted): Promise<void> {
  if (Object.keys(wanted.set).length + wanted.remove.length + wanted.revert.length === 0)
    throw new Die('no options specified');
  needQuorum(pve);
  for (const key of [...wanted.remove, ...wanted.revert])
    if (ruleOf(key) === null) throw badParameters({ delete: `unknown option '${key}'` });
  const set = await normalize(pve, wanted.set);
  await locked(pve, vmid, async () => {
    const config = await load(pve, vmid);
    if (wanted.digest !== undefined && wanted.digest !== (await digestOf(pve, vmid)))
      throw new Die('detected modified configuration - file changed by other user? Try again.');
    needUnlocked(config);
    const on = await running(pve, vmid);
    const asked = await noted(pve, config, { ...wanted, set });
    const { config: next, faults } = on
      ? await applyNow(pve, vmid, asked, AT_ONCE)
      : { config: applied(asked), faults: {} };
    await midway(pve, 'set');
    await store(pve, vmid, next);
    await writeLxcConfig(pve, vmid, next);
    if (Object.keys(faults).length > 0) throw badParameters(faults);
  });
}

/** Everything pending has become so: at a start, and in a stopped container. */
export function applied(config: Config): Config {
  const values = { ...config.values, ...config.pending };
  for (const key of config.deleted) delete values[key];
  return { ...config, values, pending: {}, deleted: [] };
}

/** A card without an address gets one at random, each time anew; a hookscript is looked at. @throws Die */
export async function normalize(pve: Pve, set: Values): Promise<Values> {
  const values: Record<string, string> = { ...set };
  const faults: Faults = {};
  for (const [key, value] of Object.entries(set)) {
    if (/^net\d+$/.test(key)) values[key] = completeNet(value);
    if (key === 'hookscript')
      await needHookscript(pve, value).catch((error: Error) => {
        faults[key] = error.message;
      });
  }
  if (Object.keys(faults).length > 0) throw badParameters(faults);
  return values;
}

/** A network card as it is written: with an address, a type. */
export function completeNet(text: string): string {
  const hwaddr = [
    'BC',
    '24',
    '11',
    ...[...randomBytes(3)].map((byte) => byte.toString(16).toUpperCase().padStart(2, '0')),
  ];
  const given = parseProperties(text, net);
  const address = given['hwaddr']?.toUpperCase() ?? hwaddr.join(':');
  return printProperties({ ...given, hwaddr: address, type: 'veth' }, net);
}

/** The configuration with all that is asked for as pending. */
async function noted(pve: Pve, config: Config, { set, remove, revert }: Wanted): Promise<Config> {
  const pending: Record<string, string> = { ...config.pending };
  let deleted = config.deleted;
  for (const key of revert) {
    delete pending[key];
    deleted = deleted.filter((one) => one !== key);
  }
  for (const key of remove) {
    if (['memory', 'rootfs'].includes(key)) throw new Die(`unable to delete required option '${key}'`);
    if (READ_ONLY.includes(key)) throw new Die(`unable to delete read-only option '${key}'`);
    if (key === 'description') continue;
    if (config.values[key] === undefined && pending[key] === undefined) {
      pve.warn(`cannot delete '${key}' - not set in current configuration!`);
      continue;
    }
    delete pending[key];
    if (config.values[key] !== undefined) deleted = [...deleted.filter((one) => one !== key), key];
  }
  let { description } = config;
  if (remove.includes('description')) description = null;
  for (const [key, value] of Object.entries(set)) {
    if (READ_ONLY.includes(key)) throw new Die(`unable to modify read-only option: '${key}'`);
    deleted = deleted.filter((one) => one !== key);
    if (key === 'description') description = `${value.replace(/\n$/, '')}\n`;
    else pending[key] = value;
  }
  return { ...config, description, pending, deleted };
}
