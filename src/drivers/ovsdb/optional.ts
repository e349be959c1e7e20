// A machine that may have no Open vSwitch at all (the agent's): it has no bridges then, which is no error.

import type { Ovsdb } from './contract.ts';

/** `installed` is asked each time: a switch that is there and doesn't run is an error as ever. */
export function optionalOvsdb(ovsdb: Ovsdb, installed: () => Promise<boolean>): Ovsdb {
  return { ...ovsdb, bridges: async () => ((await installed()) ? ovsdb.bridges() : []) };
}
