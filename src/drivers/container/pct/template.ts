// Container templates of Proxmox (pveam(1), pvesm(1)): `debian-12` is op-dbus's own, built into a storage; any other name is the
// newest volume that begins with it.

import { rename, rm } from 'node:fs/promises';
import { OpError } from '../../../error.ts';
import type { Exec } from '../../exec.ts';
import { run } from '../../exec.ts';
import { hasRecipe, treeName, withTree } from '../template.ts';

/** The volume of a template, `local:vztmpl/debian-12-standard_12.7-1_amd64.tar.zst`; null when no storage has one. */
export async function storedTemplate(exec: Exec, template: string): Promise<string | null> {
  const found: string[] = [];
  for (const { name } of await storages(exec, 'vztmpl'))
    found.push(...volumes(await run(exec, ['pveam', 'list', name])));
  if (!hasRecipe(template)) return newest(template, found);
  const recipe = treeName(template);
  // What somebody has named like an alias goes before what the alias stands for.
  return (recipe === template ? null : newest(template, found)) ?? newest(`${recipe}-op-dbus`, found);
}

/**
 * Sees to it that a storage has the template, when none has: by building one that we have a recipe of, any other by download.
 * @throws OpError `state` for a name that Proxmox offers no template of, `host` when there is nowhere to put it, or it
 * can't be had.
 */
export async function fetchTemplate(
  exec: Exec,
  template: string,
  progress: (line: string) => void,
  cache = '/var/cache/op-dbus/template',
): Promise<void> {
  if ((await storedTemplate(exec, template)) !== null) return;
  const own = hasRecipe(template);
  const file = own ? `${treeName(template)}-op-dbus_1_${architecture}.tar.zst` : await offered(exec, template);
  const [storage] = await storages(exec, 'vztmpl');
  if (storage === undefined)
    throw new OpError('host', `template ${template}: no storage takes container templates`, {
      hint: 'pvesm set local --content vztmpl,iso,backup   (or another storage)',
    });
  if (own) {
    const path = await run(exec, ['pvesm', 'path', `${storage.name}:vztmpl/${file}`]);
    return withTree(exec, { cache, template }, progress, (tree) => {
      progress(`template ${template}: packing ${path}`);
      return pack(exec, tree, path);
    });
  }
  progress(`template ${template}: downloading ${file} to ${storage.name}`);
  const { code, stdout, stderr } = await exec(['pveam', 'download', storage.name, file], { deadline: 1_800_000 });
  // pveam's exit status doesn't tell how its task ended.
  if ((await storedTemplate(exec, template)) !== null) return;
  const why = `${stderr}\n${stdout}`.trim().split('\n').at(-1) || `exit ${code}`;
  throw new OpError('host', `template ${template}: ${file} can't be had: ${why}`, {
    hint: `Try pveam update, then: pveam download ${storage.name} ${file}`,
  });
}

/** As Debian and Proxmox call it. */
const architecture = process.arch === 'x64' ? 'amd64' : process.arch;

/** The tree as one file, which is at `path` only when it is whole. */
async function pack(exec: Exec, tree: string, path: string): Promise<void> {
  const like = ['--zstd', '--numeric-owner', '--xattrs', '--xattrs-include=security.capability', '--exclude=./dev/*'];
  try {
    await run(exec, ['tar', '--create', ...like, '--file', `${path}.new`, '--directory', tree, '.'], {
      deadline: 600_000,
    });
    await rename(`${path}.new`, path);
  } finally {
    await rm(`${path}.new`, { force: true });
  }
}

/** Of what can be downloaded. @throws OpError `state` when there is none. */
export async function offered(exec: Exec, template: string): Promise<string> {
  const text = await run(exec, ['pveam', 'available']);
  const files = text.split('\n').flatMap((line) => /^\S+\s+(\S+)/.exec(line)?.[1] ?? []);
  const file = newest(template, files);
  if (file !== null) return file;
  throw new OpError('state', `template ${template}: expected debian-12, or what a volume in pveam list begins with`, {
    hint: 'pveam available shows what can be downloaded; pveam update renews that list.',
  });
}

export type Storage = { readonly name: string; readonly available: number };

/** Active storages for such content, those with the most room first; the name decides among equals. */
export async function storages(exec: Exec, content: 'rootdir' | 'vztmpl'): Promise<readonly Storage[]> {
  const text = await run(exec, ['pvesm', 'status', '--content', content, '--enabled', '1']);
  const rows = text.split('\n').flatMap((line): readonly Storage[] => {
    const [name = '', , status, , , available = ''] = line.trim().split(/\s+/);
    return status === 'active' ? [{ name, available: Number(available) }] : [];
  });
  return rows.toSorted((a, b) => b.available - a.available || (a.name < b.name ? -1 : 1));
}

/** `pveam list`: a head, then volume and size; nothing at all when there is none. */
function volumes(text: string): readonly string[] {
  return text.split('\n').flatMap((line) => /^(\S+:vztmpl\/\S+)/.exec(line)?.[1] ?? []);
}

/**
 * The newest of the volumes or files that are of the template: its name, and then a flavour, a version, or the file's end.
 * Of two with the same version the later in the alphabet is taken, so that the choice is always the same.
 */
export function newest(template: string, names: readonly string[]): string | null {
  const matching = names.filter((name) => {
    const file = fileOf(name);
    return file.startsWith(template) && /^([-_]|\.tar)/.test(file.slice(template.length));
  });
  return matching.toSorted(byVersion).at(-1) ?? null;
}

/** `local:vztmpl/FILE` → `FILE`. */
function fileOf(volume: string): string {
  return volume.replace(/^.*\//, '');
}

function byVersion(a: string, b: string): number {
  const [left, right] = [a, b].map((name) => /_([^_]*)/.exec(fileOf(name))?.[1] ?? '');
  return (left ?? '').localeCompare(right ?? '', 'en', { numeric: true }) || (a < b ? -1 : 1);
}
