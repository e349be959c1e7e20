// Changes that are undone unless somebody confirms them: what is kept, what has run out.

import type { Host } from '../drivers/host.ts';
import { OpError } from '../error.ts';
import { clear, goBack } from './back.ts';
import { readHistory } from './history.ts';
import { forgetPending, type Pending, readPending } from './journal.ts';
import type { Progress } from './run.ts';

/** Keeps the change that waits for it. @throws OpError `usage` when none does. */
export async function confirm(host: Host): Promise<Pending> {
  const pending = await readPending(host);
  if (pending === null)
    throw new OpError('usage', 'no change waits to be confirmed', { hint: 'op-dbus history shows what was done.' });
  await forgetPending(host);
  await clear(host, (await readHistory(host)).at(-1)?.resources ?? []);
  return pending;
}

/**
 * Undoes the change that nobody has confirmed in time, or that was made before the machine was booted.
 * @returns it, or null when there is none. @throws OpError when it can't be undone: it stays to be undone.
 */
export async function expire(
  host: Host,
  progress: (event: Progress) => void,
  now: number = Date.now(),
): Promise<Pending | null> {
  const pending = await readPending(host);
  if (pending === null || !(await isOver(host, pending, now))) return null;
  await goBack(host, pending, progress);
  return pending;
}

/** Whether the time of a change is over: by the clock, or because the machine was booted since. */
export async function isOver(host: Host, { until, boot }: Pending, now: number): Promise<boolean> {
  return !(Date.parse(until) > now) || boot !== (await host.machine.boot());
}
