// Changes that are undone unless somebody confirms them: what is kept, what has run out.

import type { Host } from '../drivers/host.ts';
import { OpError } from '../error.ts';
import { clear, goBack } from './back.ts';
import { readHistory } from './history.ts';
import { forgetPending, type Pending, readJournal, readPending } from './journal.ts';
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
 * Undoes the change that nobody has confirmed in time, or that was made before the machine was booted. What failed on top of
 * it and was to stay so is its author's to go on with.
 * @returns it, or null when there is none. @throws OpError when it can't be undone: it stays to be undone.
 */
export async function expire(host: Host, progress: (event: Progress) => void): Promise<Pending | null> {
  const pending = await readPending(host);
  if (pending === null || (await remaining(host, pending)) > 0) return null;
  if ((await readJournal(host))?.held === true) return null;
  await goBack(host, pending, progress);
  return pending;
}

/** Seconds until the time of a change is over; 0 when it is, or when the machine was booted since. */
export async function remaining({ machine }: Host, { over, boot }: Pending): Promise<number> {
  const [uptime, now] = await Promise.all([machine.uptime(), machine.boot()]);
  return boot === now && over > uptime ? over - uptime : 0;
}
