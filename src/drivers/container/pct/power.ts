// Starting and stopping by pct(1).

import { OpError } from '../../../error.ts';
import type { Switch } from '../power.ts';
import { type Pct, told } from './command.ts';

/** LXC's names are Proxmox's numbers. `release` gives a container free that we are looking into. */
export function pctSwitch(pct: Pct, release: (name: string, id: number) => Promise<void>): Switch {
  return {
    start: async (name, inner, patience) => {
      await release(name, Number(inner));
      const result = await pct.attempt('start', Number(inner), [], { deadline: patience });
      return /already running/.test(result.stderr) ? { ...result, code: 0 } : result;
    },
    why: (_, inner, result) => {
      const { message, hint } = told('start', Number(inner), result);
      return { said: message, hint: hint ?? `pct start ${inner} --debug tells more.` };
    },
    kill: (inner) => pct.attempt('stop', Number(inner), [], { deadline: 5000 }),
    stop: async (name, inner) => {
      const id = Number(inner);
      const result = await pct.attempt('shutdown', id, ['--timeout', '10', '--forceStop', '1'], { deadline: 60_000 });
      if (result.code !== 0 && !/not running/.test(result.stderr)) {
        const { code, message, hint } = told('shutdown', id, result);
        throw new OpError(code, `stopping container ${name}: ${message}`, hint === undefined ? {} : { hint });
      }
    },
  };
}
