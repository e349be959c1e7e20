// How packets leave a container's devices, worked on in its network namespace by programs of the host's.

import { OpError } from '../../error.ts';
import type { Exec } from '../exec.ts';
import { trafficControl } from '../tc/client.ts';
import type { Tc } from '../tc/contract.ts';
import { enter, watchInside } from './namespace.ts';

/** `pid` gives the container's init, null when it isn't running. */
export function containerTc(exec: Exec, name: string, pid: () => Promise<number | null>): Tc {
  const live = async (): Promise<Tc | null> => {
    const init = await pid();
    return init === null ? null : trafficControl(exec, enter(init));
  };
  return {
    leaving: async (device) => (await live())?.leaving(device) ?? null,
    leave: async (device, leaving) => {
      const tc = await live();
      if (tc === null) throw new OpError('host', `container ${name} is not running`);
      await tc.leave(device, leaving);
    },
    watch: (changed) => watchInside(name, pid, (into) => trafficControl(exec, into).watch(changed)),
  };
}
