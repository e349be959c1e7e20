// Home's line to the Internet gets a rate and a delay, which the lab's links have not: by line.c, in the lab's `inet`.

import { exec, run } from '../../../src/drivers/exec.ts';
import { source } from '../../../src/drivers/source.ts';
import { ask, daemon } from '../../../src/lab/host.ts';
import { HOME } from '../../../src/lab/topology.ts';

/** Mbit/s each way, and milliseconds of a round trip. */
export const LINE = { mbits: 50, ms: 40 } as const;

/** All of home's traffic goes by it from then on, until the lab is taken down. */
export async function startLine(): Promise<void> {
  const program = `${source('dist')}/line`;
  await run(exec, ['cc', '-O2', '-o', program, source('test/bench/obfuscation/line.c')]);
  await daemon('inet', 'line.log', [program, 'line', HOME.uplink, `${LINE.mbits}`, `${LINE.ms / 2}`]);
  await ask('inet', ['ip', 'link', 'set', 'line', 'up']);
  // Into the line goes what comes from home or is for it, and has not been there yet.
  const batch = [
    'route add default dev line table 100',
    // What inet itself says (names): nobody believes its address when it comes in by a device.
    'rule add iif lo lookup main priority 9',
    'rule add iif line lookup main priority 10',
    'rule add iif home lookup 100 priority 11',
    `rule add to ${HOME.uplink} lookup 100 priority 12`,
  ];
  await ask('inet', ['ip', '-batch', '-'], { stdin: `${batch.join('\n')}\n` });
  // What comes out of the line has no route back into it.
  await ask('inet', ['sh', '-c', 'for f in /proc/sys/net/ipv4/conf/*/rp_filter; do echo 0 >$f; done']);
}
