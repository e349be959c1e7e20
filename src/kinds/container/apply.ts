// Containers: stopped from the entry outwards, made and started from the exit inwards.

import { same } from '../../core/plan.ts';
import type { Change } from '../../core/resource.ts';
import type { Definition, Stranger } from '../../drivers/container/contract.ts';
import type { Host } from '../../drivers/host.ts';
import { OpError } from '../../error.ts';
import type { Spec } from './schema.ts';

/**
 * Templates are made here, before anything is changed: a machine without network stays as it was.
 * @throws OpError `foreign` when a container of a name that is to be made exists without our mark.
 */
export async function preflight(
  host: Host,
  batch: readonly Change<Spec>[],
  say: (line: string) => void,
): Promise<void> {
  const fresh = batch.flatMap(({ name, before, after }) => (before === null && after ? [{ name, after }] : []));
  for (const { name, after } of fresh)
    if (after.made !== 'adopted' && (await host.containers.isForeign(name, after.id)))
      throw foreign(name, after, await host.containers.strangers());
  for (const { name, before, after } of batch)
    if (before !== null && after !== null && before.template !== after.template)
      throw new OpError('host', `${name} was made from ${before.template}, and a container keeps its template`, {
        at: `container ${name}`,
        hint: `Leave "template": "${before.template}", or give the new container another name and id.`,
      });
  for (const template of new Set(fresh.flatMap(({ after }) => (after.made === 'adopted' ? [] : [after.template]))))
    await host.containers.prepare(template, say);
}

function foreign(name: string, { id, made }: Spec, strangers: readonly Stranger[]): OpError {
  const other = strangers.find((one) => one.name === name || one.id === id);
  if (other === undefined)
    return new OpError('foreign', `a container ${name} exists and is not op-dbus's`, {
      at: `container ${name}`,
      hint:
        made === 'pct'
          ? 'Give the container another name and id in the file; pct list shows which are taken, templates too.'
          : `Give the container another name in the file, or remove the old one: lxc-destroy -n ${name}`,
    });
  return new OpError('foreign', `container ${other.id} ${other.name} exists and is not op-dbus's`, {
    at: `container ${name}`,
    hint:
      'Give the container another name and id in the file; or both as they are, to take over the networking of that one ' +
      'and nothing else.',
  });
}

export async function apply(host: Host, batch: readonly Change<Spec>[]): Promise<void> {
  for (const change of batch.toSorted((a, b) => order(b) - order(a))) await close(host, change);
  await Promise.all(batch.map((change) => build(host, change)));
  // What is new sends nothing yet, so it may boot at once; what has its services already starts from the exit inwards.
  await Promise.all(batch.filter(({ before }) => before === null).map((change) => open(host, change)));
  const old = batch.filter(({ before }) => before !== null);
  for (const change of old.toSorted((a, b) => order(a) - order(b))) await open(host, change);
}

function order({ before, after }: Change<Spec>): number {
  return (before ?? after)?.order ?? 0;
}

/** Stops what is to stop, to restart with another definition, or to go; removes what is to go. */
async function close(host: Host, { name, before, after }: Change<Spec>): Promise<void> {
  if (before === null) return;
  if (before.made !== 'adopted' && before.running && (after === null || !after.running || restarts(before, after)))
    await host.containers.stop(name);
  if (after === null) await host.containers.destroy(name);
}

async function build(host: Host, { name, before, after }: Change<Spec>): Promise<void> {
  if (after === null) return;
  if (before === null) await host.containers.create(name, definition(after));
  else if (changed(before, after)) await host.containers.configure(name, definition(after));
}

async function open(host: Host, { name, before, after }: Change<Spec>): Promise<void> {
  if (after === null || !after.running || (after.made === 'adopted' && !before?.running)) return;
  if (!before?.running || restarts(before, after)) await host.containers.start(name);
  else if (reattaches(before, after)) await host.containers.reattach(name);
}

export function changed(before: Spec, after: Spec): boolean {
  return !same(definition(before), definition(after));
}

/**
 * Autostart and its order are read at the next boot; everything else is set up when a container starts, but for one that
 * was adopted, which gets it at once.
 */
export function restarts(before: Spec, after: Spec): boolean {
  if (after.made === 'adopted') return false;
  const { autostart: _a, order: _o, made: _m, ...old } = definition(before);
  const { autostart: _b, order: _p, made: _n, ...fresh } = definition(after);
  return !same(old, fresh);
}

/** Whether all that it lacks is its device, which the switch has made anew. */
export function reattaches(before: Spec, after: Spec): boolean {
  return before.running && after.running && after.attached && !before.attached && !restarts(before, after);
}

function definition({ running: _, attached: _a, ...rest }: Spec): Definition {
  return rest;
}
