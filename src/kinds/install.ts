// Puts units into containers: candidate, check by the program itself, replace, start. See inside.ts for what a unit is.

import { posix } from 'node:path';
import { canonical, same } from '../core/plan.ts';
import type { Change } from '../core/resource.ts';
import { fingerprints } from '../core/secret.ts';
import type { Host } from '../drivers/host.ts';
import { doing, OpError } from '../error.ts';
import { type Inside, plain, recorded, recordPath, revealed, stays, verb } from './inside.ts';

const root = { uid: 0, gid: 0 };
/** Candidates lie here until the program has accepted them. */
const candidates = '/etc/op-dbus/candidate';

/**
 * Carries out a batch: removals from the entry outwards, then the rest from the exit inwards. A container that fails stops
 * none of the others: it may be in somebody else's hands.
 * @throws OpError (of several an AggregateError) `check` when a program refuses its new configuration (the old one stays) or its unit doesn't start.
 */
export async function applyInside(host: Host, kind: string, batch: readonly Change<Inside>[]): Promise<void> {
  const order = ({ before, after }: Change<Inside>): number => (after ?? before)?.order ?? 0;
  const gone = batch.filter(({ after }) => after === null).toSorted((a, b) => order(b) - order(a));
  const rest = batch.filter(({ after }) => after !== null).toSorted((a, b) => order(a) - order(b));
  const failures: unknown[] = [];
  for (const change of [...gone, ...rest]) {
    const { name, before, after } = change;
    const action = () => (after === null ? remove(host, kind, before as Inside) : install(host, kind, before, after));
    const work = () => (after === null ? action() : awake(host, after.container, action));
    await doing(name, work).catch((error: unknown) => failures.push(error));
  }
  if (failures.length === 1) throw failures[0];
  if (failures.length > 1) throw new AggregateError(failures);
}

/** Only a running container can be asked: one that is to stay stopped, as after going back to that, runs meanwhile. */
async function awake(host: Host, container: string, action: () => Promise<void>): Promise<void> {
  const asleep = (await host.containers.list()).find(({ name }) => name === container)?.running === false;
  if (asleep) await host.containers.start(container);
  try {
    await action();
  } finally {
    if (asleep) await host.containers.stop(container);
  }
}

async function install(host: Host, kind: string, before: Inside | null, after: Inside): Promise<void> {
  const changed = Object.entries(after.files).filter(([path, file]) => !same(before?.files[path], file));
  const texts = new Map(
    await Promise.all(changed.map(async ([path, file]) => [path, await revealed(host, file.text)] as const)),
  );
  await host.secrets.keep(changed.flatMap(([, file]) => fingerprints(file.text)));
  if (changed.length > 0) await accepted(host, after, texts);
  for (const [path, file] of changed)
    await host.containers.write(after.container, path, texts.get(path) ?? '', { mode: file.mode, ...root });
  for (const path of Object.keys(before?.files ?? {}))
    if (!(path in after.files)) await host.containers.remove(after.container, path);
  if (!stays(before, after)) await start(host, before, after);
  await leave(host, before, after);
  // Last: what was interrupted before is seen as different, and done again.
  await note(host, kind, after.container, (specs) => [...specs, withoutActive(after)], after.unit);
}

/** Asks the program itself about the new files, each at a path of its own; the old files are still in place. */
async function accepted(host: Host, after: Inside, texts: ReadonlyMap<string, string>): Promise<void> {
  const [program, ...args] = after.check;
  if (program === undefined) return;
  const moved = (text: string): string =>
    [...texts.keys()].reduce((all, path) => all.replaceAll(path, candidate(path)), text);
  try {
    for (const [path, text] of texts)
      await host.containers.write(after.container, candidate(path), moved(text), { mode: 0o600, ...root });
    const { code, stdout, stderr } = await host.containers.exec(after.container, [program, ...args.map(moved)]);
    if (code !== 0)
      throw new OpError('check', `${program} refuses the new configuration: ${last(stderr) || last(stdout)}`, {
        hint: `Nothing was replaced in ${after.container}.`,
      });
  } finally {
    for (const path of texts.keys()) await host.containers.remove(after.container, candidate(path));
  }
}

/** The file's own name is kept: wg-quick reads the interface from it. */
function candidate(path: string): string {
  return posix.join(candidates, path);
}

async function start(host: Host, before: Inside | null, after: Inside): Promise<void> {
  const action = verb(before, after);
  const steps: readonly (readonly [string, ...string[]])[] = [
    ['systemctl', 'daemon-reload'],
    ['systemctl', after.active ? 'enable' : 'disable', after.unit],
    ['systemctl', action, after.unit],
  ];
  for (const step of steps) {
    const { code, stderr } = await host.containers.exec(after.container, step);
    if (code === 0) continue;
    const journal = await host.containers.exec(after.container, [
      ...(['journalctl', '-q', '--no-pager', '-o', 'cat', '-n', '5', '-u'] as const),
      after.unit,
    ]);
    throw new OpError('check', `${step.join(' ')}: ${last(stderr)}${indent(journal.stdout)}`, {
      hint: `op-dbus exec ${after.container} -- journalctl -u ${after.unit}`,
    });
  }
}

/** After the unit has made its device: what was there before is not there on a new one. */
async function leave(host: Host, before: Inside | null, after: Inside): Promise<void> {
  if (!after.active) return;
  const tc = host.containers.tc(after.container);
  for (const [device, leaving] of Object.entries(after.leaves ?? {})) await tc.leave(device, leaving);
  for (const device of Object.keys(before?.leaves ?? {}))
    if (after.leaves?.[device] === undefined && (await tc.leaving(device)) !== null) await tc.leave(device, plain);
}

async function remove(host: Host, kind: string, before: Inside): Promise<void> {
  const running = (await host.containers.list()).find(({ name }) => name === before.container)?.running;
  if (running === undefined) return;
  if (running) {
    await host.containers.exec(before.container, ['systemctl', 'disable', '--now', before.unit]);
    await leave(host, before, { ...before, leaves: {} });
  }
  for (const path of Object.keys(before.files)) await host.containers.remove(before.container, path);
  await note(host, kind, before.container, (specs) => specs, before.unit);
}

/** Rewrites the container's record of a kind: without `unit`, then by `change`. */
async function note(
  host: Host,
  kind: string,
  container: string,
  change: (specs: readonly Omit<Inside, 'active'>[]) => readonly Omit<Inside, 'active'>[],
  unit: string,
): Promise<void> {
  const others = (await recorded(host, kind, container)).filter((spec) => spec.unit !== unit);
  const text = `${canonical(change(others))}\n`;
  await host.containers.write(container, recordPath(kind), text, { mode: 0o600, ...root });
}

function withoutActive({ active: _, ...rest }: Inside): Omit<Inside, 'active'> {
  return rest;
}

function last(text: string): string {
  return text.trim().split('\n').at(-1) ?? '';
}

function indent(text: string): string {
  return text.trim() === '' ? '' : `\n    ${text.trim().replaceAll('\n', '\n    ')}`;
}
