// A node of the tests' own: a temporary root, its control file, the double's programs called without a process.

import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { program } from './program.ts';
import type { Control } from './pve.ts';

export const TEMPLATE = 'local:vztmpl/debian-12-standard_12.12-1_amd64.tar.zst';

export type Called = { readonly code: number; readonly stdout: string; readonly stderr: string };

export type Node = {
  readonly root: string;
  readonly call: (name: string, ...argv: readonly string[]) => Promise<Called>;
  readonly pct: (...argv: readonly string[]) => Promise<Called>;
  /** As `pct create VMID`, with what it needs at least. */
  readonly create: (vmid: number, ...argv: readonly string[]) => Promise<Called>;
  /** The text of a container's configuration file. */
  readonly conf: (vmid: number) => Promise<string>;
  readonly control: (control: Control) => Promise<void>;
};

/** Runs `action` with a node named `pve` whose volumes have no content, and that has one template. */
export async function onNode(action: (node: Node) => Promise<void>): Promise<void> {
  const root = await mkdtemp(join(tmpdir(), 'pve-'));
  const call: Node['call'] = async (name, ...argv) => {
    const said = { stdout: '', stderr: '' };
    const code = await program(name, argv, {
      root,
      out: (text) => void (said.stdout += text),
      err: (text) => void (said.stderr += text),
    });
    return { code, ...said };
  };
  const control: Node['control'] = (more) =>
    writeFile(`${root}/etc/pve-double.json`, JSON.stringify({ node: 'pve', hollow: true, patience: 50, ...more }));
  try {
    await mkdir(`${root}/etc`);
    await control({});
    await call('pveam', 'download', 'local', TEMPLATE.slice('local:vztmpl/'.length));
    const pct: Node['pct'] = (...argv) => call('pct', ...argv);
    await action({
      root,
      call,
      pct,
      create: (vmid, ...argv) => pct('create', String(vmid), TEMPLATE, '--rootfs', 'local-btrfs:8', ...argv),
      conf: (vmid) => readFile(`${root}/etc/pve/lxc/${vmid}.conf`, 'utf8'),
      control,
    });
  } finally {
    await rm(root, { recursive: true });
  }
}
