// An exclusive lock on a file, as other programs take it (flock(1), flock(2)).

import { spawn } from 'node:child_process';
import { OpError } from '../../error.ts';

/**
 * Takes the lock; the kernel gives it back when this process ends, however it ends. `waiting` is called when that takes
 * longer than a second. @throws OpError `timeout` when somebody else holds it for `seconds`.
 * @returns what gives it back.
 */
export async function flock(path: string, waiting: () => void, seconds?: number): Promise<() => void> {
  const patience = seconds === undefined ? [] : ['--timeout', String(seconds), '--conflict-exit-code', '75'];
  const holder = spawn('flock', ['--exclusive', ...patience, path, 'cat'], { stdio: ['pipe', 'pipe', 'inherit'] });
  const timer = setTimeout(waiting, 1000);
  try {
    await new Promise<void>((resolve, reject) => {
      holder.once('error', reject);
      holder.once('exit', (code) =>
        reject(
          code === 75
            ? new OpError('timeout', `${path} is locked by another program for ${seconds} s`, {
                hint: `fuser -v ${path} names it.`,
              })
            : new OpError('host', `locking ${path}: flock ended with status ${code}`),
        ),
      );
      // It may have ended before it has read.
      holder.stdin.once('error', () => {});
      holder.stdout.once('data', () => resolve());
      holder.stdin.write('\n');
    });
  } finally {
    clearTimeout(timer);
  }
  return () => void holder.stdin.end();
}
