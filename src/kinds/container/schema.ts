// A container's spec: all that it is apart from what runs in it, and whether it runs.

import * as z from 'zod';

export const schema = z.strictObject({
  id: z.int(),
  /** Made by us in Proxmox; or by somebody else, and its networking alone is ours. Without it: plain LXC. */
  made: z.enum(['pct', 'adopted']).optional(),
  template: z.string(),
  autostart: z.boolean(),
  bridge: z.string(),
  mode: z.enum(['socket', 'veth']),
  port: z.strictObject({ row: z.string(), device: z.string(), ofport: z.int() }),
  mac: z.string(),
  /** `10.0.0.100/24` */
  address: z.string(),
  gateway: z.string(),
  sysctl: z.record(z.string(), z.string()),
  nameservers: z.array(z.string()).readonly(),
  binds: z.record(z.string(), z.string()),
  /** Distance from the exit: 0 starts first and stops last. */
  order: z.int(),
  running: z.boolean(),
  /** Whether it has its device; false of a running one whose port was made anew by a restart of the switch. */
  attached: z.boolean(),
});

export type Spec = z.output<typeof schema>;
