// Starting and stopping containers: the wait for their boot and for their end, why a start fails (lxc-start(1), systemctl(1)).

import { setTimeout as sleep } from 'node:timers/promises';
import { OpError } from '../../error.ts';
import { type Exec, type ExecResult, run } from '../exec.ts';
import { listening } from './live.ts';
import type { Records } from './record.ts';

/** `inner` is LXC's name of the container. As `Containers` has them; the container exists. */
export type Power = {
  readonly start: (name: string, inner: string) => Promise<void>;
  readonly stop: (name: string, inner: string) => Promise<void>;
};

/** How a backend starts and stops; each resolves when its program has ended. */
export type Switch = {
  /** @throws OpError `timeout` after `patience` milliseconds. */
  readonly start: (name: string, inner: string, patience: number) => Promise<ExecResult>;
  /** What a start that failed says of itself beside LXC's log, and what to do. */
  readonly why: (name: string, inner: string, result: ExecResult) => { readonly said: string; readonly hint: string };
  /** At once, and within 5 s. */
  readonly kill: (inner: string) => Promise<unknown>;
  /** Cleanly, by SIGKILL after 10 s; quiet when it isn't running. */
  readonly stop: (name: string, inner: string) => Promise<void>;
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
  readonly by: Switch;
};

export function power({ exec, lxc, records, running, sockets, patience, by }: Given): Power {
  async function start(name: string, inner: string): Promise<void> {
    if (!(await startedByOthers(name, inner))) {
      const log = records.path(name, 'lxc.log');
      await run(exec, ['rm', '-f', log, records.path(name, 'failure')]);
      const result = await by.start(name, inner, patience).catch(late);
      if (result === null) {
        // Its monitor is beyond the reach of the deadline, and deaf as long as a hook runs.
        if (await running(name)) await by.kill(inner).catch(late);
        throw new OpError('timeout', `container ${name}: its start isn't over after ${patience / 1000} s`, {
          hint: `See ${records.path(name, 'lxc.log')}.`,
        });
      }
      if (result.code !== 0) {
        await gone(name);
        throw await startFailure(name, by.why(name, inner, result));
      }
    }
    await booted(name, inner, Date.now() + patience);
  }

  /**
   * Whether the container runs or somebody is starting it, whose hook may just not have noted the monitor yet.
   * @throws OpError `foreign` when it is something else that listens on its socket: lxc-start would only say that the
   * container runs already, and the others would do as that socket says.
   */
  async function startedByOthers(name: string, inner: string): Promise<boolean> {
    const socket = `@${lxc}/${inner}/command`;
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

  async function startFailure(name: string, told: ReturnType<Switch['why']>): Promise<OpError> {
    const [hookSaid, log] = await Promise.all([records.text(name, 'failure'), records.text(name, 'lxc.log')]);
    const errors = (log ?? '').split('\n').flatMap((line) => / ERROR .* - ([^-].*)$/.exec(line)?.[1] ?? []);
    const telling = errors.filter(
      (line) => !/^(The container failed to start|To get more details|Additional info)/.test(line),
    );
    const why = hookSaid?.trim() || [...new Set(telling)].slice(0, 3).join('; ') || told.said;
    return new OpError('host', `container ${name} doesn't start: ${why}`, {
      hint: told.hint,
    });
  }

  /** Waits until systemd's boot is over. A unit that failed leaves it `degraded`: the kinds look after units. */
  async function booted(name: string, inner: string, deadline: number): Promise<void> {
    for (;;) {
      // lxc-attach goes where LXC's socket sends it, and that is the monitor's only as long as this lives.
      if (!(await running(name))) throw new OpError('host', `container ${name} stopped while it booted`);
      const left = deadline - Date.now();
      const argv = attachment(lxc, inner, ['systemctl', 'is-system-running', '--wait']);
      const state = left > 0 ? await exec(argv, { deadline: left }).catch(late) : null;
      if (state === null) {
        const { stdout } = await exec(attachment(lxc, inner, ['systemctl', 'list-jobs', '--no-legend']), {
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

  async function stop(name: string, inner: string): Promise<void> {
    if (!(await running(name))) return;
    await by.stop(name, inner);
    await gone(name);
  }

  /** Waits for the end of the monitor, which outlives the container by its last hooks. */
  async function gone(name: string): Promise<void> {
    for (const deadline = Date.now() + 10_000; await running(name); await sleep(5))
      if (Date.now() > deadline) throw new OpError('timeout', `container ${name}: its monitor doesn't end`);
  }

  return { start, stop };
}

/** By lxc-start(1) and lxc-stop(1); LXC's names are the containers' own. */
export function lxcSwitch(exec: Exec, lxc: string, records: Records): Switch {
  const container = (name: string): readonly string[] => ['-P', lxc, '-n', name];
  return {
    start: (name, _, patience) => {
      const log = ['-l', 'WARN', '-o', records.path(name, 'lxc.log')];
      return exec(['lxc-start', ...container(name), '-d', ...log], { deadline: patience });
    },
    why: (name) => ({
      said: 'lxc-start said nothing',
      hint: `See ${records.path(name, 'lxc.log')}, or try lxc-start -n ${name} -F -l DEBUG -o /dev/stderr.`,
    }),
    kill: (name) => exec(['lxc-stop', ...container(name), '-k'], { deadline: 5000 }),
    stop: async (name) => {
      const { code, stderr } = await exec(['lxc-stop', ...container(name), '-t', '10'], { deadline: 40_000 });
      // 2: it was not running any more.
      if (code !== 0 && code !== 2)
        throw new OpError('host', `stopping container ${name}: ${stderr.trim() || `exit ${code}`}`);
    },
  };
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
