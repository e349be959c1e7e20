// How packets leave a network namespace's devices: lengthened by our program, and one by one (tc-bpf(8), ip-link(8)).

import type { Watch } from '../watch.ts';

export type Leaving = {
  /**
   * Bytes, IP header included, ascending: each packet is lengthened to the next of them, and dropped when it is longer than
   * all. Empty: nothing of ours is attached.
   */
  readonly sizes: readonly number[];
  /** Whether aggregates of packets (GSO) are cut before they leave, and none is made for the device. */
  readonly single: boolean;
};

export interface Tc {
  /** How packets leave a device; null when there is no such device. */
  leaving(device: string): Promise<Leaving | null>;
  /**
   * Makes them leave so; what else was attached to the way out goes. Without effect on the packets of the moment in between:
   * they may leave as they are. @throws OpError `host` when there is no such device, or the kernel refuses the program.
   */
  leave(device: string, leaving: Leaving): Promise<void>;
  /** Tells of every change of filters and of devices, by whomever, ours too. @throws OpError `host` when tc can't listen. */
  watch(changed: () => void): Promise<Watch>;
}
