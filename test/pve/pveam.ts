// pveam update, available, download, list, remove: templates (pveam(1)). What is downloaded stands for a tree of op-dbus's own template cache.

import { rm, writeFile } from 'node:fs/promises';
import { build, treePath } from '../../src/drivers/container/template.ts';
import { exec } from '../../src/drivers/exec.ts';
import { parseArguments, verb } from './argument.ts';
import { Die } from './die.ts';
import type { Pve } from './pve.ts';
import type { Rule } from './schema.ts';
import { needFile, storage, volumePath, volumes } from './storage.ts';
import { BASE, TREE } from './volume.ts';

const CACHE = '/var/cache/op-dbus/template';

/** Older and newer ones side by side, as the real list has them; of Debian 12 all are our one tree. */
const TEMPLATES = `
  alpine-3.21-default_20241217_amd64.tar.xz debian-11-standard_11.7-1_amd64.tar.zst
  debian-12-standard_12.2-1_amd64.tar.zst debian-12-standard_12.12-1_amd64.tar.zst
  debian-13-standard_13.1-2_amd64.tar.zst ubuntu-24.04-standard_24.04-2_amd64.tar.zst`
  .trim()
  .split(/\s+/);

const string: Rule = { type: 'string' };

/** @returns the exit status. @throws Die */
export async function pveam(pve: Pve, [given, ...argv]: readonly string[]): Promise<number> {
  const name = verb('pveam', ['update', 'available', 'download', 'list', 'remove'], given);
  const option = (key: string): Rule | null => (name === 'available' && key === 'section' ? string : null);
  const args =
    { download: { storage: string, template: string }, list: { storage: string }, remove: { template_path: string } }[
      name
    ] ?? {};
  const { values } = parseArguments(`pveam ${name}`, { args, option }, argv);
  const { storage: store = '', template = '', section = 'system' } = values;
  if (name === 'available') {
    if (section === 'system') for (const one of TEMPLATES) pve.say(`${section.padEnd(15)} ${one}`);
  } else if (name === 'update') pve.say('update successful');
  else if (name === 'remove') await rm(await needFile(pve, values['template_path'] ?? ''));
  else if (name === 'download') await download(pve, store, template);
  else {
    const found = (await volumes(pve, store)).filter(({ content }) => content === 'vztmpl');
    pve.say(`${'NAME'.padEnd(60)} ${'SIZE'.padEnd(6)}`);
    for (const { id, size } of found) pve.say(`${id.padEnd(60)} ${`${(size / 1024 ** 2).toFixed(2)}MB`.padEnd(6)}`);
  }
  return 0;
}

async function download(pve: Pve, store: string, template: string): Promise<void> {
  const { content } = await storage(pve, store);
  if (!content.includes('vztmpl')) throw new Die(`storage '${store}' does not support templates`);
  if (!TEMPLATES.includes(template)) throw new Die(`no such template`);
  if (!template.startsWith('debian-12-'))
    throw new Die(`the double has a content for Debian 12 alone, not ${template}`);
  const place = { cache: CACHE, template: 'debian-12', base: BASE };
  const tree =
    pve.control.hollow === true
      ? treePath(CACHE, 'debian-12', BASE)
      : await build(exec, { ...place, used: [] }, (line) => pve.say(line));
  await writeFile(await volumePath(pve, `${store}:vztmpl/${template}`), `${TREE}${tree}\n`);
  pve.say(`download of '${template}' to '${store}' finished`);
}
