// What the guest is made of, from Debian's packages: a kernel with its modules, busybox, and qemu unless it is installed.

import { existsSync } from 'node:fs';
import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { exec, run } from '../../src/drivers/exec.ts';
import { OpError } from '../../src/error.ts';

export type Parts = {
  /** The version by which the kernel calls itself: `6.1.0-56-amd64`. */
  readonly version: string;
  readonly kernel: string;
  /** The folder of its modules, modules.dep in it. */
  readonly modules: string;
  readonly busybox: string;
  /** The argument vector that runs qemu, without options, and what it needs in its environment. */
  readonly qemu: readonly [string, ...string[]];
  readonly env: Readonly<Record<string, string>>;
};

/**
 * Has the packages downloaded and unpacked, not installed, below `folder`: the machine's own boot loader, kernels and
 * programs stay as they are, and removing the folder removes all. What is there already is used as it is.
 * @throws OpError `host` when this isn't an amd64 Debian or apt doesn't know the packages.
 */
export async function parts(folder: string, progress: (line: string) => void): Promise<Parts> {
  if (process.arch !== 'x64') throw new OpError('host', 'the VM is made for amd64 machines only');
  const root = `${folder}/parts`;
  if (!existsSync(root)) await build(root, `${root}.new`, progress);
  const [version] = await readdir(`${root}/lib/modules`);
  if (version === undefined) throw new OpError('host', `${root} holds no kernel`, { hint: `Remove ${root}.` });
  const libraries = ['usr/lib', 'lib'].map((path) => `${root}/${path}/x86_64-linux-gnu`);
  const own = `${root}/usr/bin/qemu-system-x86_64`;
  const firmware = ['qemu', 'seabios'].flatMap((name) => ['-L', `${root}/usr/share/${name}`]);
  return {
    version,
    kernel: `${root}/boot/vmlinuz-${version}`,
    modules: `${root}/lib/modules/${version}`,
    busybox: `${root}/bin/busybox`,
    qemu: existsSync(own) ? [own, ...firmware] : ['qemu-system-x86_64'],
    env: existsSync(own) ? { LD_LIBRARY_PATH: libraries.join(':'), QEMU_MODULE_DIR: `${libraries[0]}/qemu` } : {},
  };
}

async function build(root: string, fresh: string, progress: (line: string) => void): Promise<void> {
  const [kernel, qemu] = [await kernelPackage(), await missing('qemu-system-x86')];
  progress(`vm: downloading ${kernel}, busybox-static${qemu.length > 0 ? ', qemu-system-x86' : ''}`);
  await rm(fresh, { recursive: true, force: true });
  const archives = `${fresh}/archives`;
  await mkdir(archives, { recursive: true, mode: 0o755 });
  const download = ['apt-get', '-q', '-o', 'APT::Sandbox::User=root', 'download', kernel, 'busybox-static', ...qemu];
  await run(exec, ['env', '-C', archives, ...download], { deadline: 600_000 });
  for (const name of await readdir(archives))
    await run(exec, ['dpkg-deb', '-x', `${archives}/${name}`, fresh], { deadline: 120_000 });
  await rm(archives, { recursive: true });
  const [version = ''] = await readdir(`${fresh}/lib/modules`);
  await run(exec, ['depmod', '-b', fresh, version]);
  await rename(fresh, root);
}

/** The package that Debian's `linux-image-amd64` stands for today. */
async function kernelPackage(): Promise<string> {
  const { stdout } = await exec(['apt-cache', 'depends', '--important', 'linux-image-amd64']);
  const found = /^\s*Depends: (linux-image-\d\S+)$/m.exec(stdout)?.[1];
  if (found !== undefined) return found;
  throw new OpError('host', 'apt knows no linux-image-amd64', { hint: 'Run: apt-get update' });
}

/** What apt would install for a package: itself and what it needs, without what the machine has. */
async function missing(name: string): Promise<readonly string[]> {
  const argv = ['apt-get', '-s', '-q', '--no-install-recommends', 'install', name] as const;
  const said = await run(exec, argv);
  return [...said.matchAll(/^Inst (\S+)/gm)].map(([, wanted = '']) => wanted);
}
