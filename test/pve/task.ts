// Worker tasks: what a verb does after its checks, in whose failure the exit status may lie (PVE::RESTEnvironment fork_worker).

import { setTimeout as sleep } from 'node:timers/promises';
import { Die } from './die.ts';
import type { Pve } from './pve.ts';

/** The verbs that leave 0 behind whatever became of their task. */
const LYING = ['template', 'push', 'pull'];

/** Runs the task of a verb of pct, with what the control file has for it. @returns the exit status. */
export async function task(pve: Pve, verb: string, action: () => Promise<void>): Promise<number> {
  try {
    await action();
    return 0;
  } catch (error) {
    if (!(error instanceof Die)) throw error;
    pve.warn(error.message);
    return LYING.includes(verb) ? 0 : 255;
  }
}

/** A task's point of no return: to be called when it has begun to change something. @throws Die as the control file says. */
export async function midway({ control }: Pve, verb: string): Promise<void> {
  await sleep(control.delay?.[verb] ?? 0);
  const why = control.fail?.[verb];
  if (why !== undefined) throw new Die(why);
}
