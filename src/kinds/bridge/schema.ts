// A bridge's spec: one Open vSwitch bridge, its mode and the host's address on it.

import * as z from 'zod';

export const schema = z.strictObject({
  datapath: z.enum(['system', 'netdev']),
  mac: z.string(),
  /** The host's address on it with prefix, `10.0.0.1/24`; null when nothing is attached. */
  address: z.string().nullable(),
});

export type Spec = z.output<typeof schema>;
