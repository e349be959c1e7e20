// The double's programs by their names, and how each of them ends.

import { Die } from './die.ts';
import { lxcHook } from './lxc-hook.ts';
import { pct } from './pct.ts';
import { open, type Pve, type Streams } from './pve.ts';
import { pveam } from './pveam.ts';
import { pvesh } from './pvesh.ts';
import { pvesm } from './pvesm.ts';

const programs: Readonly<Record<string, (pve: Pve, argv: readonly string[]) => Promise<number>>> = {
  pct,
  pvesm,
  pveam,
  pvesh,
  // Of LXC's hooks, not on the path.
  'lxc-hook': async (pve, argv) => {
    await lxcHook(pve, argv, process.env['LXC_TARGET']);
    return 0;
  },
};

/** Runs one. @returns its exit status. */
export async function program(name: string, argv: readonly string[], streams: Streams): Promise<number> {
  const run = programs[name];
  if (run === undefined) throw new Error(`no program ${name}`);
  try {
    return await run(await open(streams), argv);
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    streams.err(`${error instanceof Die ? error.message : (error.stack ?? error.message)}\n`);
    return error instanceof Die ? error.status : 255;
  }
}
