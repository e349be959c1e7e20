// `op-dbus lab prove`: issue 2 §4, points 1 to 6, on a lab that is up.

import { locked } from './record.ts';
import { proveClosed } from './prove/closed.ts';
import { proveCommands } from './prove/commands.ts';
import { proveHidden } from './prove/hidden.ts';
import type { Row } from './prove/row.ts';
import { proveDown, proveUnchanged } from './prove/same.ts';
import { proveThrough } from './prove/through.ts';

const CHAIN = ['wireguard-gateway', 'warp-tunnel', 'xray-client'] as const;

/** Proves each point and tells every row as soon as it is known. Afterwards the lab is as it was. */
export async function prove(tell: (row: Row) => void): Promise<readonly Row[]> {
  return locked(async () => {
    const rows: Row[] = [];
    const points = [
      proveThrough,
      proveHidden,
      () => proveClosed(CHAIN),
      proveCommands,
      proveUnchanged,
      proveDown,
      proveThrough,
    ];
    for (const point of points) {
      for (const row of await point()) {
        rows.push(row);
        tell(row);
      }
    }
    return rows;
  });
}
