// The shaper's program, which the build compiles from native/shaper and containers are shown.

import type { Facts, Topology } from '../core/topology.ts';
import type { Host } from '../drivers/host.ts';
import { source } from '../drivers/source.ts';
import { OpError } from '../error.ts';

const name = 'op-dbus-shaper';

/** Null when no container shapes. Where it is installed its path stays the same. @throws OpError `host` when one does and the program was not compiled. */
export async function findShaper({ files, machine }: Host, { members }: Topology): Promise<Facts['shaper']> {
  const [first] = members.filter(({ shaper }) => shaper !== null);
  if (first === undefined) return null;
  const installed = await machine.program(name);
  if (installed !== null) return installed;
  const path = source('dist', name);
  if ((await files.mode(path)) !== null) return path;
  throw new OpError('host', `the shaper is not compiled, and ${first.name} is to shape`, {
    at: path,
    hint: 'apt-get install gcc libc6-dev, then run install.sh again (or: npm run build); or take "shaper" out of the state.',
  });
}
