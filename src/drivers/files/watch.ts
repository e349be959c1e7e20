// Being told of one file: by inotify on its folder, and by a look now and then for what gives no event, such as a folder
// further up that is moved (inotify(7)).

import { lstatSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { OpError } from '../../error.ts';
import { follower, reach } from '../inotify.ts';
import type { Watch } from '../watch.ts';

/** See contract.ts. `pulse`: milliseconds from one look to the next. */
export function watchFile(path: string, pulse: number, changed: () => void): Watch {
  const { promise: ended, resolve } = Promise.withResolvers<OpError>();
  let open = true;
  let last: Seen = null;
  const events = follower(() => look(true));

  function see(): Seen {
    for (let round = 1; ; round++) {
      const paths = new Map<string, ReadonlySet<string> | null>();
      reach(paths, dirname(path), new Set([basename(path)]));
      // Once its folder is followed: what came before is in what is seen.
      if (!events.follow(paths) || round === 8) return seenAt(path);
    }
  }

  function look(event: boolean): void {
    if (!open) return;
    const before = last;
    try {
      last = see();
    } catch (error) {
      end(
        error instanceof OpError ? error : new OpError('host', `watching ${path}: ${String(error)}`, { cause: error }),
      );
      return;
    }
    if (last?.identity !== before?.identity || (event && last?.recent === true)) changed();
  }

  function end(why: OpError): void {
    open = false;
    events.close();
    clearInterval(timer);
    resolve(why);
  }

  last = see();
  const timer = setInterval(() => look(false), pulse).unref();
  return { ended, close: async () => end(new OpError('host', 'the watch was closed')) };
}

/** Two changes within one tick of the clock by which the file system dates them look the same: then an event alone tells. */
type Seen = { readonly identity: string; readonly recent: boolean } | null;

const TICK = 20;

function seenAt(path: string): Seen {
  try {
    const { dev, ino, mode, size, mtimeNs, ctimeMs } = lstatSync(path, { bigint: true });
    return {
      identity: [dev, ino, mode, size, mtimeNs].join(' '),
      recent: Math.abs(Date.now() - Number(ctimeMs)) < TICK,
    };
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return null;
    throw error;
  }
}
