// Changes of the flow tables as one bundle, all or nothing (OpenFlow 1.4.1 §6.9).

import { OpError, wrap } from '../../error.ts';
import type { Connection } from './connection.ts';
import { type Blame, fenced } from './fence.ts';
import { answers, encodeBundleAdds, encodeBundleControl } from './wire/bundle.ts';
import { checkFlowMod, type FlowMod } from './wire/flow.ts';
import type { Version } from './wire/message.ts';

/** Why a bundle was refused: the error's name, and which of its changes is to blame, null when the switch didn't say. */
export type Refused = { readonly name: string; readonly index: number | null };

/** Changes in order, an array or made as they are asked for: each once, the switch reading those before. */
export type Mods = readonly FlowMod[] | { readonly length: number; at(index: number): FlowMod };

/**
 * Carries out `mods`, in order, in one bundle, two round trips however many they are. Flows that it doesn't touch keep
 * their counters.
 * @throws OpError `protocol` when the switch refuses one: nothing is changed, and `refused` of the error tells which.
 * What `at` throws: nothing is changed then either.
 */
export async function commit(connection: Connection, mods: Mods): Promise<void> {
  if (mods.length === 0) return;
  const { version } = connection;
  // For opening, the changes, a barrier and the end. The first names the bundle too: on a connection no two are alike.
  const first = connection.xids(mods.length + 3);
  // A message that can't be added is no part of the bundle, which would be committed without it: ask first.
  const made = filling(version, first, mods);
  const [unfit] = await fenced(connection, 'filling a bundle', first, made.messages, mods.length + 1);
  const step = unfit === undefined && made.failed.length === 0 ? 'commit' : 'discard';
  const [blame] = await end(connection, first, mods.length, step);
  for (const error of made.failed) throw error;
  const cause = unfit ?? blame;
  if (cause !== undefined) throw refusal(cause.name, cause.index - 1, mods.length);
}

/** The messages that fill the bundle `first`, and, when they have been taken, why they are not all. */
function filling(
  version: Version,
  first: number,
  mods: Mods,
): { readonly messages: Generator<Uint8Array>; readonly failed: readonly unknown[] } {
  const failed: unknown[] = [];
  function* messages(): Generator<Uint8Array> {
    yield encodeBundleControl(version, first, first, 'open');
    try {
      yield* encodeBundleAdds(version, first, first + 1, mods.length, (index) => checked(mods, index));
    } catch (error) {
      failed.push(error);
    }
  }
  return { messages: messages(), failed };
}

/** Commits or discards the bundle `first`. @returns what is to blame when that fails, as `fenced` does. */
async function end(
  connection: Connection,
  first: number,
  changes: number,
  step: 'commit' | 'discard',
): Promise<readonly Blame[]> {
  const { version } = connection;
  const last = first + changes + 2;
  const blame: Blame[] = [];
  await connection.ask({
    what: `${step} of a bundle`,
    // The error of a change names that one's message, and comes before the bundle's own.
    first,
    count: changes + 3,
    chunks: [encodeBundleControl(version, last, first, step)],
    take: (message) => (answers(message, version, step) ? true : undefined),
    refused: (xid, { name }) => {
      blame.push({ index: xid - first, name });
      return xid === last ? true : undefined;
    },
  });
  return blame;
}

/** What made `commit` fail; null for any other error. */
export function refused(error: unknown): Refused | null {
  return error instanceof OpError && isRefused(error.cause) ? error.cause : null;
}

function refusal(name: string, place: number, count: number): OpError {
  const cause: Refused = { name, index: place >= 0 && place < count ? place : null };
  const which = cause.index === null ? 'the bundle' : `change ${cause.index + 1} of ${count}`;
  return new OpError('protocol', `the switch refused ${which}: ${cause.name}`, { cause });
}

function checked(mods: Mods, index: number): FlowMod {
  const mod = mods.at(index) as FlowMod;
  try {
    checkFlowMod(mod);
  } catch (error) {
    const cause: Refused = { name: error instanceof Error ? error.message : String(error), index };
    throw new OpError('protocol', wrap(`change ${index + 1} of ${mods.length}`, error).message, { cause });
  }
  return mod;
}

function isRefused(cause: unknown): cause is Refused {
  return typeof cause === 'object' && cause !== null && 'name' in cause && 'index' in cause;
}
