// pvesm status, path, list (pvesm(1)).

import { statfs } from 'node:fs/promises';
import { parseArguments, verb } from './argument.ts';
import type { Pve } from './pve.ts';
import type { Rule } from './schema.ts';
import { storages, volumePath, volumes } from './storage.ts';

const string: Rule = { type: 'string' };

/** @returns the exit status. @throws Die */
export async function pvesm(pve: Pve, [given, ...argv]: readonly string[]): Promise<number> {
  const name = verb('pvesm', ['status', 'path', 'list'], given);
  const option = (key: string): Rule | null =>
    ['content', 'storage', 'vmid', 'enabled'].includes(key) ? string : null;
  const args = { status: {}, path: { volume: string }, list: { storage: string } }[name] ?? {};
  const { values } = parseArguments(`pvesm ${name}`, { args, option }, argv);
  if (name === 'path') pve.say(await volumePath(pve, values['volume'] ?? ''));
  else if (name === 'list') await list(pve, values['storage'] ?? '', values);
  else await status(pve, values);
  return 0;
}

async function list(pve: Pve, storage: string, { content, vmid }: Readonly<Record<string, string>>): Promise<void> {
  const found = (await volumes(pve, storage)).filter(
    (one) => (content === undefined || one.content === content) && (vmid === undefined || String(one.vmid) === vmid),
  );
  const wide = Math.max(5, ...found.map(({ id }) => id.length));
  pve.say(`${'Volid'.padEnd(wide)} ${'Format'.padEnd(7)} ${'Type'.padEnd(9)} ${'Size'.padStart(14)} VMID`);
  for (const { id, content: type, format, size, vmid: owner } of found)
    pve.say(
      `${id.padEnd(wide)} ${format.padEnd(7)} ${type.padEnd(9)} ${String(size).padStart(14)} ${owner ?? ''}`.trimEnd(),
    );
}

async function status(pve: Pve, { content, storage }: Readonly<Record<string, string>>): Promise<void> {
  const found = (await storages(pve)).filter(
    (one) =>
      (content === undefined || one.content.includes(content)) && (storage === undefined || one.name === storage),
  );
  const wide = Math.max(4, ...found.map(({ name }) => name.length));
  const columns = ['Total', 'Used', 'Available'].map((one) => one.padStart(15)).join(' ');
  pve.say(`${'Name'.padEnd(wide)} ${'Type'.padStart(10)} ${'Status'.padStart(10)} ${columns} ${'%'.padStart(8)}`);
  const { blocks, bavail, bsize } = await statfs(pve.below('/var/lib'));
  for (const { name, type, disabled } of found) {
    const away = pve.control.unavailable?.includes(name) === true;
    const [total, free] = disabled || away ? [0, 0] : [(blocks * bsize) / 1024, (bavail * bsize) / 1024];
    const state = disabled ? 'disabled' : away ? 'inactive' : 'active';
    const numbers = [total, total - free, free].map((one) => String(Math.round(one)).padStart(15)).join(' ');
    const share = total === 0 ? 'N/A' : `${(((total - free) / total) * 100).toFixed(2)}%`;
    pve.say(`${name.padEnd(wide)} ${type.padStart(10)} ${state.padStart(10)} ${numbers} ${share.padStart(8)}`);
  }
}
