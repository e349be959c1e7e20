// Whether the clock is kept right from outside: whoever keeps it is asked (timedatectl(1), chronyc(1)).

import { OpError } from '../../error.ts';
import type { Exec } from '../exec.ts';

const deadline = 4000;

/** timedated tells of the kernel's own flag, which every NTP program sets; without systemd there may be chrony. */
export async function synchronised(exec: Exec): Promise<boolean | null> {
  const systemd = await answer(exec, ['timedatectl', 'show', '--property=NTPSynchronized', '--value']);
  if (systemd === 'yes' || systemd === 'no') return systemd === 'yes';
  const leap = /^Leap status\s*: (.*)$/m.exec((await answer(exec, ['chronyc', '-n', 'tracking'])) ?? '')?.[1];
  return leap === undefined ? null : leap !== 'Not synchronised';
}

async function answer(exec: Exec, argv: readonly [string, ...string[]]): Promise<string | null> {
  try {
    const { code, stdout } = await exec(argv, { deadline });
    return code === 0 ? stdout.trim() : null;
  } catch (error) {
    if (error instanceof OpError && error.code === 'host') return null;
    throw error;
  }
}
