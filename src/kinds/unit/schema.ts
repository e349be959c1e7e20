// A unit's spec: what is declared of it. The resource's name is the unit's, `ssh.service`.

import * as z from 'zod';

const declared = z.boolean().nullable();

export const schema = z.strictObject({
  /** Null: not declared, and left as it is; so are the next two. */
  enabled: declared,
  active: declared,
  masked: declared,
  /** Name → content, without our header; empty of one that is not in force yet. */
  dropIns: z.record(z.string(), z.string()),
});

export type Spec = z.output<typeof schema>;
