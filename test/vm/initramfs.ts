// The guest's first file system: busybox, init.sh and the modules it needs to find its root (initramfs format: newc cpio).

import { chmod, copyFile, mkdir, readdir, readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { exec, run } from '../../src/drivers/exec.ts';
import { OpError } from '../../src/error.ts';
import type { Parts } from './parts.ts';

// The checksum is ext4's need by name only, which modules.dep doesn't list.
const NEEDED = ['virtio_pci', 'virtio_blk', 'crc32c_generic', 'ext4', '9pnet_virtio', '9p', 'overlay'];

/** Builds it as `folder`/initramfs, with `init` (a path) as its /init. @returns the path. */
export async function initramfs({ busybox, modules }: Parts, init: string, folder: string): Promise<string> {
  const stage = `${folder}/stage`;
  for (const name of ['bin', 'dev', 'proc', 'modules']) await mkdir(`${stage}/${name}`, { recursive: true });
  await copyFile(busybox, `${stage}/bin/busybox`);
  await copyFile(init, `${stage}/init`);
  await chmod(`${stage}/init`, 0o755);
  const order = loadOrder(await readFile(`${modules}/modules.dep`, 'utf8'), NEEDED);
  for (const [index, path] of order.entries())
    await copyFile(`${modules}/${path}`, `${stage}/modules/${String(index).padStart(2, '0')}-${basename(path)}`);
  const names = (await readdir(stage, { recursive: true })).toSorted().join('\n');
  const pack = ['env', '-C', stage, busybox, 'cpio', '-o', '-H', 'newc', '-F', `${folder}/initramfs`] as const;
  await run(exec, pack, { stdin: `${names}\n` });
  return `${folder}/initramfs`;
}

/**
 * The files of the modules and of all that they need, each after what it needs, from modules.dep (modprobe.d's depmod(8)):
 * a line names a module and then its needs, the one to load first last. @throws OpError `host` for one that isn't there.
 */
export function loadOrder(dep: string, names: readonly string[]): readonly string[] {
  const lines = new Map(
    dep.split('\n').map((line) => {
      const [path = '', needs = ''] = line.split(':');
      return [basename(path).replace(/\.ko.*$/, ''), [path, ...needs.trim().split(' ')].filter(Boolean).toReversed()];
    }),
  );
  const paths = names.flatMap((name) => {
    const found = lines.get(name);
    if (found === undefined) throw new OpError('host', `the kernel has no module ${name}`);
    return found;
  });
  return [...new Set(paths)];
}
