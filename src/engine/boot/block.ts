// The blocker's table: loaded at boot before the network is up, it drops all that would be forwarded until it is removed.

import type { Host } from '../../drivers/host.ts';

/** Named so that nobody takes it for the filter's own, which may stand beside it. */
export const BLOCK = 'op_dbus_boot';

/** Whether all forwarding of the host is shut; never so where there is no nft. */
export async function isShut({ nft, machine }: Host): Promise<boolean> {
  return (await machine.program('nft')) !== null && (await nft.table(BLOCK)) !== null;
}

/** Forwards again; for whoever has just seen that the host is as it is to be. @returns whether it was shut. */
export async function reopen(host: Host): Promise<boolean> {
  if (!(await isShut(host))) return false;
  await host.nft.remove(BLOCK);
  return true;
}
