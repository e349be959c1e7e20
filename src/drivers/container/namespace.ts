// A container's network namespace, entered from outside it (nsenter(1)).

import { OpError } from '../../error.ts';
import type { Watch } from '../watch.ts';

/** What is put in front of a program of the host's, to run it in the network namespace of that process. */
export function enter(pid: number): readonly string[] {
  return ['nsenter', `--net=/proc/${pid}/ns/net`];
}

/**
 * A watch by a program in the container's namespace; it ends with the container. `pid` gives the container's init, null when
 * it isn't running. @throws OpError `host` when it isn't.
 */
export async function watchInside(
  name: string,
  pid: () => Promise<number | null>,
  open: (enter: readonly string[]) => Promise<Watch>,
): Promise<Watch> {
  const init = await pid();
  if (init === null) throw new OpError('host', `container ${name} is not running`);
  const watch = await open(enter(init));
  // The listener would keep the namespace of a container that has gone.
  const same = async (): Promise<void> => ((await pid()) === init ? undefined : watch.close());
  const timer = setInterval(() => void same(), GONE).unref();
  void watch.ended.then(() => clearInterval(timer));
  return watch;
}

/** Milliseconds between looks whether the container is still the same. */
const GONE = 5000;
