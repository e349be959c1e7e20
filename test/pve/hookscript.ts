// A container's hookscript, `STORAGE:snippets/FILE`: checked when it is set and whenever it is used (PVE::GuestHelpers).

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { stat } from 'node:fs/promises';
import { optional } from '../../src/drivers/container/record.ts';
import type { Config } from './config.ts';
import { Die } from './die.ts';
import type { Pve } from './pve.ts';
import { volumePath } from './storage.ts';

export type Phase = 'pre-start' | 'post-start' | 'pre-stop' | 'post-stop';

/** @returns the script's path. @throws Die when it can't be used. */
export async function needHookscript(pve: Pve, id: string): Promise<string> {
  if (!/^[^:]+:snippets\//.test(id)) throw new Die(`invalid volume type '${id}' for hookscript`);
  const path = await volumePath(pve, id);
  const found = await optional(stat(path));
  if (found?.isFile() !== true) throw new Die(`script '${id}' does not exist`);
  if ((found.mode & 0o111) === 0) throw new Die(`script '${id}' is not executable`);
  return path;
}

/** Runs it if there is one. Only before the start its failure stops anything: then @throws Die. */
export async function hookscript(pve: Pve, vmid: number, { values }: Config, phase: Phase): Promise<void> {
  const id = values['hookscript'];
  if (id === undefined) return;
  try {
    const path = await needHookscript(pve, id);
    const child = spawn(path, [String(vmid), phase], { stdio: ['ignore', 'pipe', 'pipe'] });
    for (const [stream, write] of [
      [child.stdout, pve.say],
      [child.stderr, pve.warn],
    ] as const)
      stream.setEncoding('utf8').on('data', (text: string) => write(text.replace(/\n$/, '')));
    const [code] = (await once(child, 'close')) as [number | null];
    if (code !== 0) throw new Die(`command '${path} ${vmid} ${phase}' failed: exit code ${code}`);
  } catch (error) {
    const why = `hookscript error for ${vmid} on ${phase}: ${(error as Error).message}`;
    if (phase === 'pre-start') throw new Die(why);
    pve.warn(why);
  }
}
