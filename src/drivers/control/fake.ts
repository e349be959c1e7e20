// A control socket in memory: the commands that it is told of, and each call kept.

import { OpError } from '../../error.ts';
import type { Control } from './contract.ts';

export type FakeControl = Control & { readonly calls: readonly (readonly [name: string, ...args: string[]])[] };

/**
 * `commands` give their text by name. A command that isn't among them is refused as the switch refuses it. Whoever
 * wants a switch that is down, or an error, lets one throw it.
 */
export function fakeControl(commands: Readonly<Record<string, (...args: readonly string[]) => string>>): FakeControl {
  const calls: (readonly [string, ...string[]])[] = [];
  return {
    calls,
    command: async (name, args = []) => {
      calls.push([name, ...args]);
      const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
      if (command === undefined)
        throw new OpError(
          'protocol',
          `${name}: "${name}" is not a valid command (use "list-commands" to see a list of valid commands)`,
        );
      return command(...args);
    },
  };
}
