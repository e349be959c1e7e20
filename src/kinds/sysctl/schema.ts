// A kernel setting's spec: its value on the host. The resource's name is the key in sysctl(8)'s notation.

import * as z from 'zod';

export const schema = z.strictObject({
  /** In force now: as /proc/sys holds it, without the final newline. */
  value: z.string(),
});

export type Spec = z.output<typeof schema>;
