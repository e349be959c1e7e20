// A machine that is what a test says.

import { isIPv4 } from 'node:net';
import { OpError } from '../../error.ts';
import type { Machine } from './contract.ts';

export type FakeMachine = {
  readonly datapath: 'system' | 'netdev';
  /** Host name → addresses. */
  readonly names: Readonly<Record<string, readonly string[]>>;
  /** Program → path. */
  readonly programs: Readonly<Record<string, string>>;
  readonly nameservers: readonly string[];
  readonly boot: string;
};

/** A machine with nothing installed, the userspace datapath, and whatever `what` adds. */
export function fakeMachine(what: Partial<FakeMachine> = {}): Machine {
  return {
    datapath: async () => what.datapath ?? 'netdev',
    resolve: async (name) => {
      const found = isIPv4(name) ? [name] : what.names?.[name];
      if (found === undefined || found.length === 0) throw new OpError('host', `${name}: has no IPv4 address`);
      return found;
    },
    program: async (name) => {
      if (name.includes('/')) throw new OpError('internal', `${name}: expected a program's name, not a path`);
      return what.programs?.[name] ?? null;
    },
    boot: async () => what.boot ?? 'boot 1',
    nameservers: async () => what.nameservers ?? [],
  };
}
