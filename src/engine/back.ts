// The way back: the host as it was before a change that failed, was interrupted, or was not confirmed.

import { difference, same } from '../core/plan.ts';
import type { Change, Resource } from '../core/resource.ts';
import { fingerprints } from '../core/secret.ts';
import type { Host } from '../drivers/host.ts';
import { OpError } from '../error.ts';
import { kinds } from '../kinds/index.ts';
import type { Kind } from '../kinds/kind.ts';
import { forgetState, keepApplied, keepNames, knownNames } from './applied.ts';
import { readHistory, record, secretsOf } from './history.ts';
import { closeJournal, forgetPending, type Journal, readPending } from './journal.ts';
import { observe } from './observe.ts';
import { type Progress, render, run } from './run.ts';

/**
 * Makes the host be as the journal's checkpoint says, and what is written of it likewise, and forgets the journal.
 * @throws OpError when it can't: the journal stays.
 */
export async function goBack(
  host: Host,
  journal: Journal,
  progress: (event: Progress) => void,
): Promise<readonly Change[]> {
  const { checkpoint } = journal;
  const aim = await sound(host, journal);
  const way = async (): Promise<readonly Change[]> => difference(await observe(host), aim).filter(possible);
  const changes = await way();
  await run(host, changes, progress);
  // What was put aside has come back with what it had inside, which the plan could not see.
  await run(host, await way(), progress);
  const left = await way();
  if (left.length > 0) throw new OpError('check', `it still differs: ${render(left).join('; ')}`);
  await recall(host, journal, changes);
  await forgetPending(host);
  await closeJournal(host);
  await clear(host, checkpoint);
  await host.files.sweep('/var/lib/op-dbus');
  return changes;
}

/** A change may have been written down before it was undone. What was asked for of a resolver stays known. */
async function recall(host: Host, { action, checkpoint, entry }: Journal, changes: readonly Change[]): Promise<void> {
  const entries = await readHistory(host);
  const then = entries.find(({ number }) => number === entry);
  if (then === undefined) return checkpoint.length === 0 ? forgetState(host) : undefined;
  const { applied, names, resources } = then;
  await keepNames(host, { ...(await knownNames(host)), ...names });
  await keepApplied(host, applied);
  if (same(entries.at(-1)?.resources, resources)) return;
  const undone = { at: new Date().toISOString(), action: `rollback of ${action}`, applied, names, resources };
  await record(host, { ...undone, commands: render(changes) });
}

/**
 * The checkpoint without accidents: what it does not tell is taken from the history, as is all that was inside a container,
 * where the container itself may have written what we saw.
 */
async function sound(host: Host, { checkpoint, entry }: Journal): Promise<readonly Resource[]> {
  const then = (await readHistory(host)).find(({ number }) => number === entry)?.resources;
  return checkpoint.flatMap((one) => {
    const was = then?.find(({ kind, name }) => kind === one.kind && name === one.name);
    if (then !== undefined && kindOf(one)?.within !== undefined) return was ?? [];
    const spec = soundly(one) ?? was?.spec;
    return spec === undefined ? one : { ...one, spec };
  });
}

function kindOf({ kind }: Resource): Kind<unknown> | undefined {
  return kinds.find(({ name }) => name === kind);
}

function soundly(one: Resource): unknown {
  const known = kindOf(one);
  return known?.sound === undefined ? one.spec : known.sound(one.spec);
}

/** What nobody knows any more stays as the change has made it. */
function possible({ kind, name, after }: Change): boolean {
  return after === null || soundly({ kind, name, spec: after }) !== null;
}

/** What only the way back needed goes, once there is none any more. `resources` are those of the host as it is now. */
export async function clear(host: Host, resources: readonly Resource[]): Promise<void> {
  if ((await readPending(host)) !== null) return;
  await host.secrets.retain([...fingerprints(JSON.stringify(resources)), ...(await secretsOf(host))]);
  await host.containers.tidy();
}
