// The shaper's program, which the build compiles from native/shaper and containers are shown.

import type { Facts, Topology } from '../core/topology.ts';
import type { Host } from '../drivers/host.ts';
import { source } from '../drivers/source.ts';
import { OpError } from '../error.ts';

const name = 'op-dbus-shaper';

/** Null when no container shapes. @throws OpError `host` when one does and the program was not compiled. */
export async function findShaper(host: Host, { members }: Topology): Promise<Facts['shaper']> {
  const [first] = members.filter(({ shaper }) => shaper !== null);
  if (first === undefined) return null;
  const path = await compiled(host);
  if (path !== null) return path;
  throw new OpError('host', `the shaper is not compiled, and ${first.name} is to shape`, {
    at: source('dist', name),
    hint: 'apt-get install gcc libc6-dev, then run install.sh again (or: npm run build); or take "shaper" out of the state.',
  });
}

/** Its path on the host; null when nobody has compiled it. Where it is installed, that stays the same. */
export async function compiled({ files, machine }: Host): Promise<string | null> {
  const path = source('dist', name);
  return (await machine.program(name)) ?? ((await files.mode(path)) === null ? null : path);
}
