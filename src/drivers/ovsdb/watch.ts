// Being told of changes in the Open vSwitch database: a monitor of what `bridges` reads, on a connection of its own
// (RFC 7047 §4.1.5, §4.1.6).

import type { Watch } from '../watch.ts';
import { DATABASE, dial } from './connection.ts';
import { changes } from './rows.ts';

/** The watch of the database at `path`; see contract.ts. `deadline`: milliseconds for its one answer. */
export async function watchRows(path: string, deadline: number, changed: () => void): Promise<Watch> {
  let open = true;
  const connection = await dial(path, () => {
    if (open) changed();
  });
  const close = (): Promise<void> => {
    open = false;
    return connection.close();
  };
  try {
    await connection.request('monitor', [DATABASE, 'op-dbus', changes], deadline);
  } catch (error) {
    await close();
    throw error;
  }
  return { ended: connection.ended, close };
}
