// Runs pct(1): waits for Proxmox's locks, and tells its errors with what to do about them.

import { setTimeout as sleep } from 'node:timers/promises';
import { OpError } from '../../../error.ts';
import type { Exec, ExecResult } from '../../exec.ts';

export type Pct = {
  /**
   * `pct VERB ID ARGUMENT…`, once no task of Proxmox's holds the container. @returns its output.
   * @throws OpError with what pct said, and what to do.
   */
  readonly run: (verb: string, id: number, more?: readonly string[], deadline?: number) => Promise<string>;
  /** The same, but with its result, whatever that is; the lock `but` is no reason to wait. */
  readonly attempt: (
    verb: string,
    id: number,
    more?: readonly string[],
    options?: { readonly deadline?: number; readonly but?: string },
  ) => Promise<ExecResult>;
  /** Waits until the container's configuration names no lock but `but`. @throws OpError `host`, naming the lock. */
  readonly unlocked: (id: number, but?: string) => Promise<void>;
};

/** `lockOf` reads the `lock:` of a container's configuration; `patience` is how many milliseconds one is waited for. */
export function pctCommand(exec: Exec, lockOf: (id: number) => Promise<string | null>, patience: number): Pct {
  const unlocked: Pct['unlocked'] = async (id, but) => {
    for (const deadline = Date.now() + patience; ; await sleep(Math.min(100, patience / 10))) {
      const lock = await lockOf(id);
      if (lock === null || lock === but) return;
      if (Date.now() >= deadline) throw locked(id, lock);
    }
  };
  const attempt: Pct['attempt'] = async (verb, id, more = [], { deadline = 120_000, but } = {}) => {
    await unlocked(id, but);
    return exec(['pct', verb, String(id), ...more], { deadline });
  };
  return {
    unlocked,
    attempt,
    run: async (verb, id, more, deadline) => {
      const result = await attempt(verb, id, more, deadline === undefined ? {} : { deadline });
      if (result.code !== 0) throw told(verb, id, result);
      return result.stdout;
    },
  };
}

/** The error of a pct that failed. */
export function told(verb: string, id: number, { code, stdout, stderr }: ExecResult): OpError {
  const said = `${stderr}\n${stdout}`;
  const lock = /CT is locked \(([^)]+)\)/.exec(said)?.[1];
  if (lock !== undefined) return locked(id, lock);
  const known = causes.find(({ says }) => says.test(said));
  const hint = known?.hint.replaceAll('ID', String(id)).replaceAll('$1', known.says.exec(said)?.[1] ?? '');
  const message = `pct ${verb} ${id}: ${reason(said) || `exit ${code}`}`;
  const detail = { at: `container ${id}`, ...(hint === undefined ? {} : { hint }) };
  return new OpError(known?.code ?? 'host', message, detail);
}

/** The error that tells of a task of Proxmox's. */
export function locked(id: number, lock: string): OpError {
  return new OpError('host', `Proxmox holds container ${id} for a task of its own (${lock})`, {
    at: `container ${id}`,
    hint:
      lock === 'mounted'
        ? `Somebody looks into it while it is stopped. When that is over: pct unmount ${id}`
        : lock === 'create'
          ? `Wait until it is made; the web GUI lists the task. If none runs any more: pct unlock ${id} && pct destroy ${id}`
          : `Wait until the task has ended; the web GUI lists it. If none runs any more: pct unlock ${id}`,
  });
}

type Cause = { readonly says: RegExp; readonly code: OpError['code']; readonly hint: string };

/** What pct says, and what to do; ID and $1 are filled in. */
const causes: readonly Cause[] = [
  {
    says: /can't lock file '([^']+)' - got timeout/,
    code: 'timeout',
    hint: 'Another command has held the container for over 10 s; fuser -v $1 names it. Try again when it has ended.',
  },
  {
    says: /(?:CT|VM) \d+ already exists on node '([^']+)'/,
    code: 'foreign',
    hint: 'The id ID is taken on node $1: give the container another id in the file.',
  },
  { says: /storage '([^']+)' (?:does not exist|is disabled|is not available)/, code: 'host', hint: 'pvesm status' },
  {
    says: /(?:can't find file|volume) '([^']+)'/,
    code: 'host',
    hint: '$1 has gone; pveam list shows which templates a storage has.',
  },
  {
    says: /bridge '([^']+)' (?:does not exist|is neither)/,
    code: 'host',
    hint: 'There is no bridge $1: op-dbus apply makes it when the file lists it under openflow.bridges.',
  },
  {
    says: /(not enough space|no space left|out of space|insufficient free)/i,
    code: 'host',
    hint: 'pvesm status shows which storage is full.',
  },
  { says: /(no quorum|cluster not ready)/, code: 'host', hint: 'pvecm status: the cluster must have a quorum first.' },
  {
    says: /(protection mode enabled)/,
    code: 'host',
    hint: 'It is protected in Proxmox. If it is to go: pct set ID --protection 0',
  },
  { says: /(if it's a template)/, code: 'host', hint: 'ID has been made a template: give the container another id.' },
  { says: /(Configuration file '[^']+' does not exist)/, code: 'host', hint: 'There is no container ID any more.' },
  { says: /(startup for container '\d+' failed)/, code: 'host', hint: 'pct start ID --debug tells more.' },
  { says: /(read-only option: '\w+')/, code: 'host', hint: 'That can only be chosen when the container is made.' },
  { says: /(unable to open file .*Permission denied)/i, code: 'host', hint: 'pvecm status: is there a quorum?' },
];

/** The lines that tell why; usage and progress left out. */
function reason(said: string): string {
  const lines = said
    .split('\n')
    // LXC's own: what failed follows the place in its source.
    .map((line) => line.replace(/^run_buffer: .*?:\d+ - /, '').trim())
    .filter((line) => !/^(The container failed to start|Additional information|To get more details)/.test(line));
  const wanted = lines.filter(
    (line) =>
      line !== '' && !/^(trying to acquire lock|pct \w+ <|400 Parameter verification failed|Task finished)/.test(line),
  );
  const parameters = said.includes('400 Parameter verification failed') ? wanted.filter((l) => /^\w+: /.test(l)) : [];
  const telling = parameters.length > 0 ? parameters : wanted.slice(-3);
  return telling.join('; ').replaceAll(/\s+/g, ' ');
}
