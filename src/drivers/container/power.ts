// Starting and stopping containers: lxc-start, the wait for their boot, why one fails (lxc-start(1), lxc-stop(1), systemctl(1)).

import { setTimeout as sleep } from 'node:timers/promises';
import { OpError } from '../../error.ts';
import { type Exec, run } from '../exec.ts';
import { listening } from './live.ts';
import type { Records } from './record.ts';

export type Power = {
  /** As `Containers` has them; the container exists. */
  readonly start: (name: string) => Promise<void>;
  readonly stop: (name: string) => Promise<void>;
};

type Given = {
  readonly exec: Exec;
  readonly lxc: string;
  readonly records: Records;
  /** Whether the container's monitor lives. */
  readonly running: (name: string) => Promise<boolean>;
  /** /proc/net/unix. */
  readonly sockets: string;
  /** Milliseconds that a boot may take. */
  readonly patience: number;
};

export function power({ exec, lxc, records, running, sockets, patience }: Given): Power {
  async function start(name: string): Promise<void> {
    if (!(await startedByOthers(name))) {
      const log = records.path(name, 'lxc.log');
      await run(exec, ['rm', '-f', log, records.path(name, 'failure')]);
      const argv = ['lxc-start', '-P', lxc, '-n', name, '-d', '-l', 'WARN', '-o', log] as const;
      const result = await exec(argv, { deadline: patience }).catch(late);
      if (result === null) {
        // Its monitor is beyond the reach of the deadline, and deaf as long as a hook runs.
        if (await running(name)) await exec(['lxc-stop', '-P', lxc, '-n', name, '-k'], { deadline: 5000 }).catch(late);
        throw new OpError('timeout', `container ${name}: its start isn't over after ${patience / 1000} s`, {
          hint: `See ${records.path(name, 'lxc.log')}.`,
        });
      }
      if (result.code !== 0) {
        await gone(name);
        throw await startFailure(name);
      }
    }
    await booted(name, Date.now() + patience);
  }

  /**
   * Whether the container runs or somebody is starting it, whose hook may just not have noted the monitor yet.
   * @throws OpError `foreign` when it is something else that listens on its socket: lxc-start would only say that the
   * container runs already, and the others would do as that socket says.
   */
  async function startedByOthers(name: string): Promise<boolean> {
    const socket = `@${lxc}/${name}/command`;
    for (const deadline = Date.now() + Math.min(patience, 5000); ; await sleep(5)) {
      if (await running(name)) return true;
      if (!(await listening(sockets, socket))) return false;
      if (Date.now() > deadline)
        throw new OpError(
          'foreign',
          `container ${name} can't start: a program that is not LXC has its socket ${socket}`,
          {
            at: `container ${name}`,
            hint: `End the program; ss -xlp src ${socket} names it.`,
          },
        );
    }
  }

  async function startFailure(name: string): Promise<OpError> {
    const [hookSaid, log] = await Promise.all([records.text(name, 'failure'), records.text(name, 'lxc.log')]);
    const errors = (log ?? '').split('\n').flatMap((line) => / ERROR .* - ([^-].*)$/.exec(line)?.[1] ?? []);
    const telling = errors.filter(
      (line) => !/^(The container failed to start|To get more details|Additional info)/.test(line),
    );
    const why = hookSaid?.trim() || [...new Set(telling)].slice(0, 3).join('; ') || 'lxc-start said nothing';
    return new OpError('host', `container ${name} doesn't start: ${why}`, {
      hint: `See ${records.path(name, 'lxc.log')}, or try lxc-start -n ${name} -F -l DEBUG -o /dev/stderr.`,
    });
  }

  /** Waits until systemd's boot is over. A unit that failed leaves it `degraded`: the kinds look after units. */
  async function booted(name: string, deadline: number): Promise<void> {
    for (;;) {
      // lxc-attach goes where LXC's socket sends it, and that is the monitor's only as long as this lives.
      if (!(await running(name))) throw new OpError('host', `container ${name} stopped while it booted`);
      const left = deadline - Date.now();
      const argv = attachment(lxc, name, ['systemctl', 'is-system-running', '--wait']);
      const state = left > 0 ? await exec(argv, { deadline: left }).catch(late) : null;
      if (state === null) {
        const { stdout } = await exec(attachment(lxc, name, ['systemctl', 'list-jobs', '--no-legend']), {
          deadline: 5000,
        }).catch(none);
        const jobs = stdout.split('\n').flatMap((line) => /^\s*\d+ (\S+)/.exec(line)?.[1] ?? []);
        throw new OpError('timeout', `container ${name}: its boot isn't over after ${patience / 1000} s`, {
          hint: jobs.length === 0 ? 'Its init does not answer.' : `It waits for ${jobs.join(', ')}.`,
        });
      }
      const said = state.stdout.trim();
      if (said === 'running' || said === 'degraded') return;
      if (said === 'maintenance') throw new OpError('host', `container ${name}: its init has gone to maintenance`);
      await sleep(20);
    }
  }

  async function stop(name: string): Promise<void> {
    if (!(await running(name))) return;
    const { code, stderr } = await exec(['lxc-stop', '-P', lxc, '-n', name, '-t', '10'], { deadline: 40_000 });
    // 2: it was not running any more.
    if (code !== 0 && code !== 2)
      throw new OpError('host', `stopping container ${name}: ${stderr.trim() || `exit ${code}`}`);
    await gone(name);
  }

  /** Waits for the end of the monitor, which outlives the container by its last hooks. */
  async function gone(name: string): Promise<void> {
    for (const deadline = Date.now() + 10_000; await running(name); await sleep(5))
      if (Date.now() > deadline) throw new OpError('timeout', `container ${name}: its monitor doesn't end`);
  }

  return { start, stop };
}

/** The argument vector that runs `argv` inside. */
export function attachment(
  lxc: string,
  name: string,
  argv: readonly string[],
  env: Readonly<Record<string, string>> = {},
): [string, ...string[]] {
  const keep = Object.keys(env).flatMap((key) => ['--keep-var', key]);
  return ['lxc-attach', '-P', lxc, '-n', name, '--clear-env', ...keep, '--', ...argv];
}

/** Null when the deadline passed. */
function late(error: unknown): null {
  if (error instanceof OpError && error.code === 'timeout') return null;
  throw error;
}

function none(): { readonly stdout: string } {
  return { stdout: '' };
}
