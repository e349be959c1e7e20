// What the switch says of itself: its datapaths' counters (ovs-vswitchd(8), dpctl/show).

import { OpError } from '../../error.ts';

/** Packets that no flow of a datapath matched, and those of them that nobody took. */
export type Upcalls = { readonly datapath: string; readonly missed: number; readonly lost: number };

/** Each datapath by a line `system@ovs-system:`, then `lookups: hit:1 missed:2 lost:3`. */
export function upcalls(text: string): readonly Upcalls[] {
  const found = text.matchAll(/^(\S+@\S+):\n\s+lookups: hit:\d+ missed:(\d+) lost:(\d+)/gm);
  return [...found].map(([, datapath = '', missed, lost]) => ({
    datapath,
    missed: Number(missed),
    lost: Number(lost),
  }));
}

/** Null when it isn't there to be asked (OpError `host`). */
export async function optional<T>(action: Promise<T>): Promise<T | null> {
  try {
    return await action;
  } catch (error) {
    if (error instanceof OpError && error.code === 'host') return null;
    throw error;
  }
}
