// Being told by the kernel over netlink(7), which Node doesn't speak: a program listens for as long as we do
// (ip-monitor(8), nft(8) "MONITOR").

import { spawn } from 'node:child_process';
import { readdir, readFile, readlink } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { OpError } from '../error.ts';
import { refusal } from './exec.ts';
import type { Watch } from './watch.ts';

export type Listener = {
  readonly argv: readonly [string, ...string[]];
  /** Protocol and multicast groups (1 << number - 1) of the socket by which it listens. */
  readonly protocol: number;
  readonly groups: number;
  /** Whether a line of its output tells of a change. Every line of its standard error does: it may have missed some. */
  readonly tells: (line: string) => boolean;
};

/**
 * Runs a listener: `changed` is called once for all that it says in one breath. It dies with us, however we end.
 * @returns once it is a member of the groups: the kernel keeps for it what happens from then on.
 * @throws OpError `host` when it can't be started or ends at once, `timeout` when it isn't a member within 10 s.
 */
export type Listen = (listener: Listener, changed: () => void) => Promise<Watch>;

export const listen: Listen = async ({ argv, protocol, groups, tells }, changed) => {
  // A session of its own: Ctrl-C on our terminal is not for it.
  const child = spawn('setpriv', ['--pdeathsig', 'KILL', ...argv], {
    detached: true,
    env: { ...process.env, LC_ALL: 'C' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const [stdout, stderr] = [child.stdout as unknown as Socket, child.stderr as unknown as Socket];
  const closed = Promise.withResolvers<void>();
  const ended = Promise.withResolvers<OpError>();
  let over: OpError | null = null;
  const end = (why: OpError): void => {
    over ??= why;
    ended.resolve(over);
  };
  let last = '';
  const tell = (): void => {
    if (over === null) changed();
  };
  lines(stdout, (found) => {
    if (found.some(tells)) tell();
  });
  lines(stderr, (found) => {
    last = found.findLast((line) => line !== '') ?? last;
    tell();
  });
  child.on('error', (cause) => {
    end(refusal('setpriv', cause));
    closed.resolve();
  });
  child.on('close', (code, signal) => {
    const how = signal === null ? `exit ${code}` : signal;
    end(new OpError('host', `${argv.join(' ')} ended: ${last === '' ? how : `${how}: ${last}`}`));
    closed.resolve();
  });
  const close = async (): Promise<void> => {
    end(new OpError('host', 'the watch was closed'));
    child.ref();
    if (child.pid !== undefined) child.kill('SIGKILL');
    // Somebody whom it has started may hold them.
    for (const stream of [stdout, stderr]) stream.destroy();
    await closed.promise;
  };
  for (const end = Date.now() + 10_000; !(await member(child.pid, protocol, groups)); await sleep(2)) {
    if (over === null && Date.now() > end)
      over = new OpError('timeout', `${argv.join(' ')}: it does not listen after 10 s`);
    if (over === null) continue;
    const why: OpError = over;
    await close();
    throw why;
  }
  for (const part of [child, stdout, stderr]) part.unref();
  return { ended: ended.promise, close };
};

/** Whether a process has a socket in all these groups (netlink's table in /proc/PID/net, by the socket's inode). */
async function member(pid: number | undefined, protocol: number, groups: number): Promise<boolean> {
  if (pid === undefined) return false;
  try {
    const [table, files] = await Promise.all([
      readFile(`/proc/${pid}/net/netlink`, 'utf8'),
      readdir(`/proc/${pid}/fd`),
    ]);
    const names = await Promise.all(files.map((file) => readlink(`/proc/${pid}/fd/${file}`).catch(() => '')));
    const own = new Set(names.flatMap((name) => /^socket:\[(\d+)\]$/.exec(name)?.[1] ?? []));
    return table.split('\n').some((row) => {
      const [, its, , mask = '', , , , , , inode = ''] = row.trim().split(/\s+/);
      return Number(its) === protocol && own.has(inode) && (Number.parseInt(mask, 16) & groups) === groups;
    });
  } catch {
    // It has just ended, or become another program.
    return false;
  }
}

/** Gives the whole lines of each chunk. One that is too long to be of any use is cut. */
function lines(stream: Socket, take: (lines: readonly string[]) => void): void {
  let rest = '';
  stream.setEncoding('utf8').on('data', (chunk: string) => {
    const found = `${rest}${chunk}`.split('\n');
    rest = (found.pop() ?? '').slice(0, 4096);
    if (found.length > 0) take(found);
  });
}
