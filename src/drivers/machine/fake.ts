// A machine that is what a test says.

import { isIPv4 } from 'node:net';
import { OpError } from '../../error.ts';
import type { Exposed, Machine, Module, Outcome, Trial } from './contract.ts';

export type FakeMachine = {
  readonly datapath: 'system' | 'netdev';
  /** Host name → addresses. */
  readonly names: Readonly<Record<string, readonly string[]>>;
  /** Program → path. */
  readonly programs: Readonly<Record<string, string>>;
  readonly nameservers: readonly string[];
  readonly boot: string;
  readonly uptime: () => number;
  readonly kernel: string;
  /** Those that aren't named are absent. */
  readonly modules: Readonly<Record<string, Module>>;
  /** Those that aren't named fail. */
  readonly trials: Readonly<Partial<Record<Trial, Outcome>>>;
  /** Program → version, for those of `programs`; others say none. */
  readonly versions: Readonly<Record<string, string>>;
  readonly container: string | null;
  /** Path → free bytes. */
  readonly space: Readonly<Record<string, number>>;
  readonly writable: readonly string[];
  readonly exposed: readonly Exposed[];
  readonly held: readonly string[];
  readonly synchronised: boolean | null;
};

/** A machine with nothing installed, the userspace datapath, and whatever `what` adds. */
export function fakeMachine(what: Partial<FakeMachine> = {}): Machine {
  const program = async (name: string): Promise<string | null> => {
    if (name.includes('/')) throw new OpError('internal', `${name}: expected a program's name, not a path`);
    return what.programs?.[name] ?? null;
  };
  return {
    datapath: async () => what.datapath ?? 'netdev',
    resolve: async (name) => {
      const found = isIPv4(name) ? [name] : what.names?.[name];
      if (found === undefined || found.length === 0) throw new OpError('host', `${name}: has no IPv4 address`);
      return found;
    },
    program,
    boot: async () => what.boot ?? 'boot 1',
    uptime: async () => what.uptime?.() ?? performance.now() / 1000,
    nameservers: async () => what.nameservers ?? [],
    kernel: async () => what.kernel ?? '6.1.0-18-amd64',
    module: async (name) => what.modules?.[name.replaceAll('-', '_')] ?? 'absent',
    attempt: async (trial) => what.trials?.[trial] ?? { result: 'fails', detail: 'not supported' },
    version: async (name, option = '--version') => {
      if ((await program(name)) === null) return null;
      const said = what.versions?.[name];
      if (said === undefined) throw new OpError('host', `${name} ${option}: says no version`);
      return said;
    },
    container: async () => what.container ?? null,
    space: async (path) => {
      const free = what.space?.[path];
      if (free === undefined) throw new OpError('host', `${path}: no such file or directory`, { at: path });
      return free;
    },
    writable: async (path) => what.writable?.includes(path) ?? false,
    exposed: async (path) => (what.exposed ?? []).filter((one) => one.path === path || one.path.startsWith(`${path}/`)),
    held: async (path) => what.held?.includes(path) ?? false,
    synchronised: async () => what.synchronised ?? null,
  };
}
