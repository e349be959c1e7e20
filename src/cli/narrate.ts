// Tells a person what runs: each command on its own line, what takes long indented below it.

import type { Progress } from '../engine/run.ts';
import { out } from './output.ts';

/** A run of like commands longer than this is shown by its beginning and a count; `op-dbus diff` shows them all. */
const long = 6;

export function narrate(event: Progress): void {
  if (event.event === 'begin') for (const line of shorten(event.commands)) out(line);
  if (event.event === 'say') out(`    ${event.line}`);
}

function shorten(commands: readonly string[]): readonly string[] {
  const like = (command: string): string => command.split(' ').slice(0, 3).join(' ');
  const lines: string[] = [];
  for (let index = 0; index < commands.length; ) {
    const name = like(commands[index] ?? '');
    const end = commands.findIndex((command, other) => other > index && like(command) !== name);
    const group = commands.slice(index, end === -1 ? undefined : end);
    const shown = group.length > long ? group.slice(0, 2) : group;
    lines.push(...shown.map((command) => `+ ${command}`));
    if (shown.length < group.length)
      lines.push(`+ ${name} …  # ${group.length - shown.length} more like these, all in one step`);
    index += group.length;
  }
  return lines;
}
