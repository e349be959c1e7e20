// op-dbus exec CONTAINER -- CMD: runs a program inside a container, by name or id, on the terminal at hand.

import { spawnSync } from 'node:child_process';
import { constants } from 'node:os';
import type { Command } from 'commander';
import { refusal } from '../drivers/exec.ts';
import type { Host } from '../drivers/host.ts';
import { OpError } from '../error.ts';
import { onThisHost } from './host.ts';
import { json } from './output.ts';

export function execCommand(program: Command): void {
  program
    .command('exec')
    .description('run a program inside a container')
    .argument('<container>', 'name or id')
    .argument('<command...>', 'the program and its arguments')
    .option('--json', 'print exit status and output as JSON; before the container')
    .passThroughOptions()
    .action(async (container: string, given: readonly string[], options: { readonly json?: boolean }) => {
      process.exitCode = await onThisHost(async (host) => {
        const name = await find(host, container);
        const command = withoutDashes(given);
        if (!options.json) return attach(await host.containers.attach(name, command));
        const { code, stdout, stderr } = await host.containers.exec(name, command, { deadline: null });
        json({ container: name, code, stdout, stderr });
        return code;
      });
    });
}

function withoutDashes(given: readonly string[]): readonly [string, ...string[]] {
  const [program, ...args] = given[0] === '--' ? given.slice(1) : given;
  if (program === undefined) throw new OpError('usage', 'expected a program after the container');
  return [program, ...args];
}

async function find(host: Host, wanted: string): Promise<string> {
  const containers = await host.containers.list();
  const found = containers.find(({ name, definition }) => name === wanted || String(definition.id) === wanted);
  if (found === undefined)
    throw new OpError('usage', `no container ${wanted}`, {
      hint:
        containers.length === 0
          ? 'op-dbus has made none here.'
          : `There are: ${containers.map(({ name, definition }) => `${name} (${definition.id})`).join(', ')}`,
    });
  const { made, id } = found.definition;
  const start = made === undefined ? `lxc-start -n ${found.name}` : `pct start ${id}`;
  if (!found.running) throw new OpError('host', `${found.name} is not running`, { hint: start });
  return found.name;
}

function attach([program, ...args]: readonly [string, ...string[]]): number {
  const { status, signal, error } = spawnSync(program, args, { stdio: 'inherit' });
  if (error !== undefined) throw refusal(program, error);
  return status ?? 128 + constants.signals[signal ?? 'SIGKILL'];
}
