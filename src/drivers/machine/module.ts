// Kernel modules as files tell of them: /proc/modules, modules.builtin, modules.dep, /sys/module (modprobe(8), depmod(8)).

import type { Files } from '../files/contract.ts';
import type { Module } from './contract.ts';

export async function release(files: Files): Promise<string> {
  return (await files.read('/proc/sys/kernel/osrelease'))?.trim() || 'unknown';
}

export async function moduleState(files: Files, name: string): Promise<Module> {
  const wanted = plain(name);
  const folder = `/lib/modules/${await release(files)}`;
  if (lines(await files.read('/proc/modules')).some((line) => line.split(' ')[0] === wanted)) return 'loaded';
  if (lines(await files.read(`${folder}/modules.builtin`)).some((path) => nameOf(path) === wanted)) return 'built in';
  if (lines(await files.read(`${folder}/modules.dep`)).some((line) => nameOf(line.split(':')[0] ?? '') === wanted))
    return 'loadable';
  // A kernel whose folder is not here (in a container, or without modules at all) tells of what has parameters or a version.
  return (await files.list(`/sys/module/${wanted}`)).length > 0 ? 'built in' : 'absent';
}

/** Whether the kernel takes modules at all: not when it was built without, or has been shut. */
export async function takesModules(files: Files): Promise<boolean> {
  const disabled = (await files.read('/proc/sys/kernel/modules_disabled'))?.trim() === '1';
  return !disabled && (await files.read('/proc/modules')) !== null;
}

/** `kernel/net/openvswitch/openvswitch.ko.xz` → `openvswitch`. */
function nameOf(path: string): string {
  return plain((path.split('/').at(-1) ?? '').replace(/\.ko(\.\w+)?$/, ''));
}

function plain(name: string): string {
  return name.replaceAll('-', '_');
}

function lines(text: string | null): readonly string[] {
  return text === null ? [] : text.split('\n');
}
