// A port's spec: an Open vSwitch Port row with its one Interface.

import * as z from 'zod';

export const schema = z.strictObject({
  bridge: z.string(),
  /** The Port row's name, `wg-warp`; the Interface and device, `internal_101`, name the resource. */
  row: z.string(),
  /** `internal`: the switch makes the device. `system`: it takes the device that the container's start makes (veth). */
  type: z.enum(['internal', 'system']),
  ofport: z.int(),
  /** The MAC of an internal port; of a veth it belongs to the end inside the container, so null. */
  mac: z.string().nullable(),
});

export type Spec = z.output<typeof schema>;
