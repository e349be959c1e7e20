// A filter's spec: the whole table `inet op_dbus` of the host or of one container's network namespace.

import * as z from 'zod';

export const schema = z.strictObject({
  /**
   * As `nft -s list table inet op_dbus` prints it. Empty when the table is gone or differs from what is kept for the
   * next boot.
   */
  text: z.string(),
});

export type Spec = z.output<typeof schema>;

/** The table's name: it is our mark. */
export const tableName = 'op_dbus';

/** The resource that is the host's own table; every other one is named after its container. */
export const hostName = 'host';
