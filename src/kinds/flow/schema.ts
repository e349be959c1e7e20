// A bridge's flows and the meters that they use: one resource per bridge, named as the bridge.

import * as z from 'zod';

export const schema = z.strictObject({
  /** Each as `ovs-ofctl add-meter` takes it, sorted by id. */
  meters: z.array(z.string()).readonly(),
  /**
   * Each in exactly the form in which `ovs-ofctl -O OpenFlow14 --names --no-stats dump-flows` prints it, without quotes
   * round port names; sorted by table, then from the highest priority down, then by text.
   */
  flows: z.array(z.string()).readonly(),
});

export type Spec = z.output<typeof schema>;
