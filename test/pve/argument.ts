// Command lines as Proxmox's programs read them: abbreviated verbs, options before and after arguments (PVE::CLIHandler). Pure.

import { badParameters, Die, type Faults } from './die.ts';
import { check, type Rule } from './schema.ts';

export type Syntax = {
  /** Positional arguments, all required. */
  readonly args: Readonly<Record<string, Rule>>;
  /** The rule of an option; null for an unknown one. */
  readonly option: (name: string) => Rule | null;
  /** Whether a program's own command line follows. */
  readonly command?: boolean;
};

export type Parsed = {
  readonly values: Readonly<Record<string, string>>;
  /** What followed, when the syntax has a command. */
  readonly command: readonly string[];
};

/** The one name that is `given`, or begins with it. @throws Die */
export function verb(program: string, names: readonly string[], given: string | undefined): string {
  if (given === undefined) throw new Die(`ERROR: no command specified\nUSAGE: ${program} <COMMAND> [ARGS] [OPTIONS]`);
  const found = names.includes(given) ? [given] : names.filter((name) => name.startsWith(given));
  if (found.length > 1) throw new Die(`ERROR: command '${given}' is ambiguous: ${found.join(', ')}`);
  if (found[0] === undefined) throw new Die(`ERROR: unknown command '${program} ${given}'`);
  return found[0];
}

/** @throws Die for a command line that can't be read, or whose values break their rules. */
export function parseArguments(call: string, syntax: Syntax, argv: readonly string[]): Parsed {
  const names = Object.keys(syntax.args);
  const usage = [call, ...names.map((name) => `<${name}>`), ...(syntax.command ? ['[<extra-args>]'] : []), '[OPTIONS]'];
  const refuse = (text: string): Die => new Die(`400 ${text}\n${usage.join(' ')}`);
  const values: Record<string, string> = {};
  const faults: Faults = {};
  const take = (name: string, value: string, rule: Rule): void => {
    values[name] = check(name, value, rule, faults);
  };
  const positional: string[] = [];
  let command: readonly string[] = [];
  for (let at = 0; at < argv.length; at += 1) {
    const word = argv[at] as string;
    if (word === '--') {
      const rest = argv.slice(at + 1);
      if (syntax.command === true) command = rest;
      else positional.push(...rest);
      break;
    }
    const [, name, joined] = /^--?([a-zA-Z][\w.-]*)(?:=(.*))?$/s.exec(word) ?? [];
    if (name === undefined) {
      positional.push(word);
      continue;
    }
    const rule = syntax.option(name);
    if (rule === null) throw refuse(`unable to parse option\nUnknown option: ${name}`);
    const next = argv[at + 1];
    const flag = rule.type === 'boolean' && (next === undefined || !/^(1|0|on|off|yes|no|true|false)$/i.test(next));
    if (joined !== undefined) take(name, joined, rule);
    else if (flag) take(name, '1', rule);
    else if (next === undefined) throw refuse(`unable to parse option\nOption ${name} requires an argument`);
    else {
      take(name, next, rule);
      at += 1;
    }
  }
  if (positional.length < names.length) throw refuse('not enough arguments');
  if (syntax.command === true) command = [...positional.slice(names.length), ...command];
  else if (positional.length > names.length) throw refuse('too many arguments');
  for (const [index, name] of names.entries()) take(name, positional[index] as string, syntax.args[name] as Rule);
  if (syntax.command === true && command.length === 0) throw refuse('not enough arguments');
  if (Object.keys(faults).length > 0) throw badParameters(faults, usage.join(' '));
  return { values, command };
}
