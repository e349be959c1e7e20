// What is noted of a property of ours.

import type { Host } from '../../drivers/host.ts';
import { readKept } from '../kept.ts';
import type { Spec } from './schema.ts';

export type Entry = Pick<Spec, 'destination' | 'path' | 'interface' | 'property'> & {
  /** What we have set, as the file writes it: two values while, or since, a change was interrupted. */
  readonly ours: readonly unknown[];
  /** What was there before, and of what type. */
  readonly before: unknown;
  readonly signature: string;
};

export async function entries(host: Host): Promise<Readonly<Record<string, Entry>>> {
  return readKept<Entry>(host, 'object');
}
