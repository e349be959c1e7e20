// Being told of containers and of what runs in them: by inotify on our records and on cgroup.events (cgroups(7)), and by a
// light look at /proc every now and then, for what gives no event: network devices, and what was too quick.

import { readdirSync, readFileSync, statSync } from 'node:fs';
import { OpError } from '../../error.ts';
import { add, type Followed, follower, reach } from '../inotify.ts';
import { startTimeNow } from '../process.ts';
import type { Watch } from '../watch.ts';
import { deviceNames } from './live.ts';

export type WatchOptions = {
  /** The folder of records, one folder a container. */
  readonly folder: string;
  /** By container, as in contract.ts. */
  readonly units: Readonly<Record<string, readonly string[]>>;
  /** Milliseconds from one look to the next. */
  readonly pulse: number;
};

/** See contract.ts. What it reads is the kernel's and ours: nothing there can keep us waiting. */
export async function watchContainers(options: WatchOptions, changed: () => void): Promise<Watch> {
  const { promise: ended, resolve } = Promise.withResolvers<OpError>();
  const cgroups = cgroupMount();
  let open = true;
  let soon: NodeJS.Timeout | null = null;
  let later: readonly NodeJS.Timeout[] = [];
  const tell = (): void => {
    if (open) changed();
  };
  const events = follower(() => {
    tell();
    soon ??= setTimeout(() => {
      soon = null;
      look();
      // What follows of itself, as the end of LXC's monitor does that of init, gives no event.
      for (const timer of later) clearTimeout(timer);
      later = [50, 200, 1000].map((ms) => setTimeout(look, ms).unref());
    }, 10).unref();
  });

  /** What is there, after all of it is followed: what came in between is in it. */
  function see(): string {
    for (let round = 1; ; round++) {
      const { state, paths } = scene(options, cgroups);
      // Somebody inside may make cgroups faster than we follow.
      if (!events.follow(paths) || round === 8) return state;
    }
  }

  let last = see();
  function look(): void {
    if (!open) return;
    let now: string;
    try {
      now = see();
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      end(error instanceof OpError ? error : new OpError('host', `watching containers: ${why}`, { cause: error }));
      return;
    }
    if (now === last) return;
    last = now;
    tell();
  }
  const pulse = setInterval(look, options.pulse).unref();

  function end(why: OpError): void {
    open = false;
    events.close();
    clearInterval(pulse);
    for (const timer of [...later, ...(soon === null ? [] : [soon])]) clearTimeout(timer);
    resolve(why);
  }
  return { ended, close: async () => end(new OpError('host', 'the watch was closed')) };
}

/** Files of a container's record that tell something; the others are LXC's log and what isn't finished. */
const SETTINGS = ['definition.json', 'hook.env', 'filter.nft'];
const TELLING = new Set(['pid', 'monitor', ...SETTINGS]);

/** All that is compared, as text, and all that has to be followed. */
function scene(
  { folder, units }: WatchOptions,
  cgroups: string | null,
): { readonly state: string; readonly paths: Followed } {
  const paths = new Map<string, ReadonlySet<string> | null>();
  reach(paths, folder, null);
  const state = names(folder).map((name) => {
    add(paths, `${folder}/${name}`, TELLING);
    const [monitor, init] = [alive(`${folder}/${name}/monitor`), alive(`${folder}/${name}/pid`)];
    const [outer, cgroup] = [monitor, init].map((process) => (process === null ? null : cgroupOf(process, cgroups)));
    for (const one of [outer, cgroup]) if (one) add(paths, `${one}/cgroup.events`, null);
    const found = (units[name] ?? []).map((unit) => (cgroup ? mainProcess(paths, cgroup, unit) : null));
    const devices = init === null ? [] : deviceNames(text(`/proc/${pidOf(init)}/net/dev`));
    const settings = SETTINGS.map((file) => dated(`${folder}/${name}/${file}`));
    return [name, monitor, init, [...devices], found, settings];
  });
  return { state: JSON.stringify(state), paths };
}

/** `PID START` of a process that the hook has noted, if it lives. */
function alive(file: string): string | null {
  const [pid = '', start = ''] = text(file).trim().split(' ');
  return pid !== '' && startTimeNow(Number(pid)) === start ? `${pid} ${start}` : null;
}

function pidOf(process: string): string {
  return process.split(' ')[0] ?? '';
}

/** The folder of the cgroup in which a process is, systemd's own counting as what it is in; null where there is none to see. */
function cgroupOf(process: string, cgroups: string | null): string | null {
  const path = /^0::(\/.*)$/m.exec(text(`/proc/${pidOf(process)}/cgroup`))?.[1];
  if (cgroups === null || path === undefined || path === '/' || path.startsWith('/..')) return null;
  return `${cgroups}${path.replace(/\/init\.scope$/, '')}`;
}

/**
 * The oldest process of a unit, `PID START`, which is the one that systemd started; null when there is none. Its cgroup, or
 * where that will be, is added to `paths` (systemd.slice(5): an instance is in its template's slice).
 */
function mainProcess(paths: Map<string, ReadonlySet<string> | null>, top: string, unit: string): string | null {
  const [template = '', instance] = unit.split('@');
  const slice = instance === undefined ? [] : [`system-${escaped(template)}.slice`];
  let cgroup = top;
  for (const part of ['system.slice', ...slice, `${unit}.service`]) {
    add(paths, cgroup, new Set([part]));
    cgroup = `${cgroup}/${part}`;
  }
  add(paths, `${cgroup}/cgroup.events`, null);
  const pids = text(`${cgroup}/cgroup.procs`)
    .split('\n', LOOKED_AT)
    .filter((pid) => pid !== '');
  const found = pids.flatMap((pid) => {
    const start = startTimeNow(Number(pid));
    return start === null ? [] : [{ pid: Number(pid), start }];
  });
  const [first] = found.toSorted((a, b) => Number(a.start) - Number(b.start) || a.pid - b.pid);
  return first === undefined ? null : `${first.pid} ${first.start}`;
}

/** Processes of a unit: root inside may have as many as it likes. */
const LOOKED_AT = 64;

/** As systemd writes a template's name into that of its slice (systemd-escape(1)). */
function escaped(name: string): string {
  return name.replace(/[^A-Za-z0-9:_.]/g, (sign) => `\\x${sign.charCodeAt(0).toString(16).padStart(2, '0')}`);
}

/** Where the unified hierarchy is mounted; null when it isn't. */
function cgroupMount(): string | null {
  const mounts = text('/proc/self/mountinfo').split('\n');
  return mounts.flatMap((line) => /^\S+ \S+ \S+ \/ (\S+) .* - cgroup2 /.exec(line)?.[1] ?? []).at(-1) ?? null;
}

function names(folder: string): readonly string[] {
  try {
    return readdirSync(folder).toSorted();
  } catch {
    return [];
  }
}

/** When a file was changed last; null when there is none. */
function dated(path: string): number | null {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? null;
}

/** What is in a file; nothing when it has gone, or refuses. */
function text(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
