// How far a container is on its way into its mesh, as the script inside tells; the container may write there what it likes.

import * as z from 'zod';
import type { Host } from '../../drivers/host.ts';
import { statePath } from './script.ts';

const schema = z.object({
  state: z.enum(['waiting', 'joined']),
  /** With its prefix; empty until it has one. */
  address: z.string().regex(/^([0-9.]{7,15}\/[0-9]{1,2})?$/),
  reason: z.string().regex(/^[A-Za-z0-9 .,:;/_()=+-]{0,300}$/),
});

export type State = z.output<typeof schema>;

/** Null when it tells nothing, or what is no state. @throws OpError as `Containers.read`. */
export async function stateOf(host: Host, container: string): Promise<State | null> {
  const text = await host.containers.read(container, statePath);
  try {
    return schema.safeParse(JSON.parse(text ?? '')).data ?? null;
  } catch {
    return null;
  }
}
