// A spec of routing rules: all of ours of one family. The resource's name is `ipv4` or `ipv6`.

import * as z from 'zod';

export const schema = z.strictObject({
  /**
   * As `ip rule add` takes them, without our protocol, in the kernel's order. Empty when those that are in force are not
   * those that are kept for the next boot.
   */
  rules: z.array(z.string()).readonly(),
});

export type Spec = z.output<typeof schema>;
