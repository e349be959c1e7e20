// What the host is to be by what was applied last: the file as it was then, on the machine as it was then.

import type { State } from '../core/state/schema.ts';
import type { Host } from '../drivers/host.ts';
import { type Applied, asApplied, knownNames, revealed } from './applied.ts';
import { parsed } from './load.ts';
import { type Wanted, want } from './want.ts';

export type Expected = Wanted & { readonly state: State };

/** Asks for no name that apply has asked for. @throws as `parsed` and `want`. */
export async function expected(host: Host, applied: Applied): Promise<Expected> {
  const { state, filesFolder } = parsed({ ...applied, text: await revealed(host, applied) });
  return { state, ...(await want(asApplied(host, applied), state, filesFolder, await knownNames(host))) };
}
