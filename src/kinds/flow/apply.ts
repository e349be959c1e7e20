// Flows: for each bridge one bundle with what differs, so that a half-programmed switch is never visible; meters round it.

import type { Change } from '../../core/resource.ts';
import type { Host } from '../../drivers/host.ts';
import type { Flow, Meter } from '../../drivers/openflow/contract.ts';
import { identity, parseFlow, parseMeter } from '../../drivers/openflow/text.ts';
import { OpError } from '../../error.ts';
import { ZONE } from './mark.ts';
import { specOf } from './observe.ts';
import { numbered } from './port.ts';
import type { Spec } from './schema.ts';

/**
 * One bundle for each bridge, after the meters that are new and before those that nobody uses any more go: with a meter
 * the switch deletes the flows that use it. What differs is what the switch has now, not what it had when the plan was made: ports
 * that went since, or came back under another number, are in its flows by their old number, and no name leads there.
 * A bridge that is gone took its flows along. When a pair's flow went, the connections that
 * it had committed are forgotten, lest their replies pass once more when the pair comes back.
 */
export async function apply(host: Host, batch: readonly Change<Spec>[]): Promise<void> {
  const rows = await host.ovsdb.bridges();
  for (const change of batch) {
    const row = rows.find((candidate) => candidate.name === change.name);
    if (row === undefined && change.after === null) continue;
    if (row === undefined) throw new OpError('host', `there is no bridge ${change.name}`);
    const { before, after } = change;
    const found = await specOf(host, row);
    const { add, remove, put, drop } = delta({ ...change, before: found });
    const number = numbered(row);
    await host.openflow.putMeters(change.name, put);
    await host.openflow.bundle(change.name, add.map(number), remove.map(number));
    await host.openflow.removeMeters(change.name, drop);
    if ([before, found].some((old) => unpaired(old, after))) await host.openflow.flushZone(ZONE);
  }
}

type Delta = {
  /** Flows to add (a changed one replaces its old self) and to remove. */
  readonly add: readonly Flow[];
  readonly remove: readonly Flow[];
  /** Meters to add or change, and the numbers of those to remove. */
  readonly put: readonly Meter[];
  readonly drop: readonly number[];
};

export function delta({ before, after }: Change<Spec>): Delta {
  const flows = apart(before?.flows ?? [], after?.flows ?? []);
  const add = flows.fresh.map(parseFlow);
  const gone = flows.gone.map(parseFlow);
  const kept = new Set(gone.length === 0 ? [] : add.map(identity));
  const meters = apart(before?.meters ?? [], after?.meters ?? []);
  const put = meters.fresh.map(parseMeter);
  const stay = new Set(put.map(({ id }) => id));
  return {
    add,
    remove: gone.filter((flow) => !kept.has(identity(flow))),
    put,
    drop: meters.gone.map((line) => parseMeter(line).id).filter((id) => !stay.has(id)),
  };
}

function apart(
  before: readonly string[],
  after: readonly string[],
): { readonly fresh: readonly string[]; readonly gone: readonly string[] } {
  const [old, wanted] = [new Set(before), new Set(after)];
  return { fresh: after.filter((line) => !old.has(line)), gone: before.filter((line) => !wanted.has(line)) };
}

/** A line that commits a pair was there and isn't any more, in this form. */
function unpaired(before: Spec | null, after: Spec | null): boolean {
  const marked = (before?.flows ?? []).filter((line) => line.includes('ct_mark'));
  const kept = new Set(marked.length === 0 ? [] : after?.flows);
  return marked.some((line) => !kept.has(line));
}
