// One at a time: a lock that dies with its holder (flock(2) on a file that root alone can open; flock(1) asks for it).

import { type FileHandle, open, rm, stat } from 'node:fs/promises';
import { constants } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { spawn } from 'node:child_process';
import { OpError } from '../error.ts';
import { refusal } from './exec.ts';

/** Held by whoever changes this host. */
export const LOCK = '/run/op-dbus.lock';

/**
 * Runs `action` while nobody else holds the lock `path`, a file that is there only meanwhile; `patience` in milliseconds.
 * `action` is given the open lock: a program that has it as a descriptor holds the lock too, also when we are killed.
 * @throws OpError `host` saying that another `what` is at work, or why the lock can't be had.
 */
export async function locked<T>(
  path: string,
  what: string,
  action: (lock: number) => Promise<T>,
  patience: number = PATIENCE,
): Promise<T> {
  const done = await ifFree(path, action, patience);
  if (done !== null) return done.result;
  throw new OpError('host', `another ${what} is at work`, { at: path, hint: 'Wait until it has ended.' });
}

/** As `locked`, but null when somebody holds the lock for longer than `patience` milliseconds. */
export async function ifFree<T>(
  path: string,
  action: (lock: number) => Promise<T>,
  patience: number = 0,
): Promise<{ readonly result: T } | null> {
  const file = await lock(path, patience);
  if (file === null) return null;
  try {
    return { result: await action(file.fd) };
  } finally {
    // Removed while it is held: whoever has opened it before sees that it is another one.
    await rm(path, { force: true }).finally(() => file.close());
  }
}

/** Milliseconds: whose holder was killed is free a moment later, and the daemon mends most things within this. */
const PATIENCE = 3000;

async function lock(path: string, patience: number): Promise<FileHandle | null> {
  for (const deadline = performance.now() + patience; ; ) {
    const file = await open(path, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW, 0o600).catch((cause) => {
      throw new OpError('host', `the lock can't be opened: ${(cause as Error).message}`, { at: path, cause });
    });
    const ours = await held(file, path)
      .then(async (got) => got && (await same(file, path)))
      .catch(async (error: unknown) => {
        await file.close();
        throw error;
      });
    if (ours) return file;
    await file.close();
    if (performance.now() > deadline) return null;
    await sleep(20);
  }
}

const BUSY = 75;

/** The lock belongs to the open file, which flock(1) shares with us for as long as it runs. */
function held(file: FileHandle, path: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const child = spawn('flock', ['--nonblock', '--conflict-exit-code', String(BUSY), '3'], {
      stdio: ['ignore', 'ignore', 'pipe', file.fd],
    });
    let said = '';
    child.stderr?.setEncoding('utf8').on('data', (text: string) => (said += text));
    child.on('error', (cause) => reject(refusal('flock', cause)));
    child.on('close', (code) => {
      if (code === 0 || code === BUSY) resolve(code === 0);
      else reject(new OpError('host', `flock: ${said.trim() || `exit ${code}`}`, { at: path }));
    });
  });
}

async function same(file: FileHandle, path: string): Promise<boolean> {
  const [ours, there] = await Promise.all([file.stat(), stat(path).catch(() => null)]);
  return there !== null && ours.ino === there.ino && ours.dev === there.dev;
}
