// One at a time: a lock that dies with its holder, an abstract socket (unix(7)) of this network namespace.

import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { OpError } from '../error.ts';

/** Runs `action` while nobody else holds `name`. @throws OpError `host` saying that another `what` is at work. */
export async function locked<T>(name: string, what: string, action: () => Promise<T>): Promise<T> {
  const release = await lock(name, what);
  try {
    return await action();
  } finally {
    await release();
  }
}

/** A child of a killed holder may have the socket open until its own program starts: so a few tries. */
async function lock(name: string, what: string): Promise<() => Promise<unknown>> {
  for (let tries = 0; ; tries += 1) {
    const server = createServer();
    try {
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject);
        server.listen(`\0${name}`, resolve);
      });
      return () => new Promise((resolve) => server.close(resolve));
    } catch (cause) {
      const hint = 'Wait until it has ended.';
      if (tries === 15) throw new OpError('host', `another ${what} is at work`, { hint, cause });
      await sleep(20);
    }
  }
}
