// What every backend does alike with containers of ours: power, files, programs, units, devices and filters inside, by what
// the hook has noted of them. What differs is behind `Backend`.

import { setTimeout as sleep } from 'node:timers/promises';
import { OpError } from '../../error.ts';
import { type Exec, run } from '../exec.ts';
import type { Watch } from '../watch.ts';
import { device } from './config.ts';
import type { Containers, Definition } from './contract.ts';
import { containerFilter } from './filter.ts';
import { devices, type Noted, noted, traffic } from './live.ts';
import { innerMaker, ownMaker } from './maker.ts';
import { attachment, power, type Switch } from './power.ts';
import type { Entry, Records } from './record.ts';
import { containerTc } from './tc.ts';
import { isLink, linkFile, readFile as readInside, type Root, removeFile, writeFile as writeInside } from './tree.ts';
import { watchContainers } from './watch.ts';

export type Backend<E extends Entry> = {
  readonly exec: Exec;
  /** /var/lib/op-dbus. */
  readonly home: string;
  /** /var/lib/lxc. */
  readonly lxc: string;
  readonly records: Records<E>;
  /** See LxcOptions. */
  readonly sockets: string;
  readonly patience: number;
  readonly pulse: number;
  readonly by: Switch;
  /** LXC's name of a container of ours. */
  readonly inner: (name: string, definition: Definition) => string;
  /** Whether the container of this record is there. */
  readonly there: (name: string, entry: E) => Promise<boolean>;
  /** Whether there is a container of that name, whosever. */
  readonly taken: (name: string) => Promise<boolean>;
  /** The error that tells of one of that name that isn't ours. */
  readonly foreign: (name: string) => OpError;
  /** The machine's id of the container's root. */
  readonly base: (entry: E) => number | Promise<number>;
  /** Gives the root of a stopped container, for as long as `action` takes. */
  readonly stopped: <T>(name: string, entry: E, action: (root: Root) => Promise<T>) => Promise<T>;
};

/** Those parts of `Containers` that are the same for all backends. */
type Shared = Omit<
  Containers,
  'backend' | 'strangers' | 'prepare' | 'prepared' | 'isForeign' | 'create' | 'configure' | 'destroy' | 'tidy'
>;

export type Ours<E extends Entry> = {
  readonly shared: Shared;
  /** The record of a container of ours that is there. @throws OpError `foreign`, `host`. */
  readonly need: (name: string) => Promise<E>;
  /** Whether LXC's monitor of it lives. */
  readonly running: (name: string) => Promise<boolean>;
  /** Its root, running or stopped. */
  readonly within: <T>(name: string, action: (root: Root) => Promise<T>) => Promise<T>;
};

export function ours<E extends Entry>(backend: Backend<E>): Ours<E> {
  const { exec, lxc, home, records } = backend;
  const watches = new Set<Watch>();
  const running = async (name: string): Promise<boolean> => (await noted(records, name, 'monitor')) !== null;
  const { start, stop } = power({ ...backend, running });
  const hook = `${home}/hook`;

  async function need(name: string): Promise<E> {
    const record = await records.get(name);
    if (record !== null && (await backend.there(name, record))) return record;
    if (record === null && (await backend.taken(name))) throw backend.foreign(name);
    throw new OpError('host', `container ${name}: there is none`);
  }

  /** LXC's name. */
  async function inner(name: string): Promise<string> {
    return backend.inner(name, (await need(name)).definition);
  }

  /** Init; null when the container isn't running, or its monitor is still busy with its start. */
  async function init(name: string): Promise<Noted | null> {
    for (const deadline = Date.now() + 5000; ; await sleep(5)) {
      const [on, found] = await Promise.all([running(name), noted(records, name, 'pid')]);
      if (!on || found !== null || Date.now() > deadline) return on ? found : null;
    }
  }

  async function initPid(name: string): Promise<number | null> {
    return (await init(name))?.pid ?? null;
  }

  /**
   * Whether a running container has its device. A userspace switch that starts again makes the device anew, on the host:
   * what is inside then keeps its name, and leads nowhere.
   */
  async function attached(name: string, definition: Definition, host: ReadonlySet<string>): Promise<boolean> {
    const { inner: inside, outer } = device(definition);
    const found = await noted(records, name, 'pid');
    return found !== null && !host.has(outer) && (await devices(found.pid)).has(inside);
  }

  async function within<T>(name: string, action: (root: Root) => Promise<T>): Promise<T> {
    const [record, found] = await Promise.all([need(name), init(name)]);
    if (found === null) return backend.stopped(name, record, action);
    const { pid, more: identity } = found;
    const base = await backend.base(record);
    // The root of a privileged container is the machine's: there is no other whose rights we could take on.
    const make = base === 0 ? ownMaker(0) : innerMaker(exec, pid);
    return action({ name, upper: `/proc/${pid}/root`, lower: null, identity, base, make });
  }

  const shared: Shared = {
    list: async () => {
      const [names, host] = await Promise.all([records.names(), devices('self')]);
      const found = await Promise.all(
        names.map(async (name) => {
          const [record, on] = await Promise.all([records.get(name), running(name)]);
          if (record === null || !(await backend.there(name, record))) return [];
          const { definition } = record;
          return [{ name, running: on, attached: !on || (await attached(name, definition, host)), definition }];
        }),
      );
      return found.flat();
    },
    start: async (name) => start(name, await inner(name)),
    stop: async (name) => stop(name, await inner(name)),
    reattach: async (name) => {
      await need(name);
      const { code, stderr } = await exec([hook, name, 'lxc', 'attach'], { deadline: 30_000 });
      if (code !== 0) throw new OpError('host', `container ${name}: ${stderr.trim() || `exit ${code}`}`);
    },
    attach: async (name, argv) => attachment(lxc, await inner(name), argv),
    exec: async (name, argv, options) => {
      const called = await inner(name);
      // While its init lives, LXC's socket is its monitor's, which lxc-attach asks for the way.
      if ((await init(name)) === null) throw new OpError('host', `container ${name} is not running`);
      return exec(attachment(lxc, called, argv, options?.env), options);
    },
    activeUnits: async (name, units) => {
      await need(name);
      if ((await init(name)) === null) return new Set();
      // systemd keeps this link as long as the unit is anything but inactive or failed.
      const link = (unit: string): string => `/run/systemd/units/invocation:${unit}.service`;
      return within(name, async (root) => {
        const on = await Promise.all(units.map((unit) => isLink(root, link(unit))));
        return new Set(units.filter((_, index) => on[index]));
      });
    },
    devices: async (name) => {
      await need(name);
      const found = await init(name);
      return found === null ? new Set() : devices(found.pid);
    },
    traffic: async (name) => {
      await need(name);
      const found = await init(name);
      return found === null ? new Map() : traffic(found.pid);
    },
    read: (name, path) => within(name, (root) => readInside(root, path)),
    write: (name, path, content, file) => within(name, (root) => writeInside(root, path, content, file)),
    link: (name, path, target) => within(name, (root) => linkFile(root, path, target)),
    remove: (name, path) => within(name, (root) => removeFile(root, path, whiteout)),
    filter: (name) => containerFilter(exec, records, name, () => initPid(name)),
    tc: (name) => containerTc(exec, name, () => initPid(name)),
    filters: async () => {
      const names = await records.names();
      const kept = await Promise.all(names.map(async (name) => (await records.text(name, 'filter.nft')) !== null));
      return names.filter((_, index) => kept[index]);
    },
    watch: async (units, changed) => {
      const watch = await watchContainers({ folder: `${home}/container`, units, pulse: backend.pulse }, changed);
      watches.add(watch);
      void watch.ended.then(() => watches.delete(watch));
      return watch;
    },
    close: async () => void (await Promise.all([...watches].map((watch) => watch.close()))),
  };

  async function whiteout(path: string): Promise<void> {
    await run(exec, ['mknod', path, 'c', '0', '0']);
  }

  return { shared, need, running, within };
}
