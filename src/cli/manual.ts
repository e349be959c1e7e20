// op-dbus manual: the manual page (man(7)), or bash's completion, both made from the table of commands; install.sh keeps them.

import type { Command } from 'commander';
import { out } from './output.ts';

export function manualCommand(program: Command): void {
  program
    .command('manual', { hidden: true })
    .description('print the manual page')
    .option('--completion', "print bash's completion instead")
    .action((options: { readonly completion?: boolean }) => {
      out((options.completion ? completion(program) : manual(program)).trimEnd());
    });
}

/** For bash: commands, their subcommands and options; file names where none of those is asked for. */
export function completion(program: Command): string {
  const cases = shown(program).flatMap((command) => [
    `    ${command.name()}) words='${words(command).join(' ')}' ;;`,
    ...shown(command).map((sub) => `    '${command.name()} ${sub.name()}') words='${words(sub).join(' ')}' ;;`),
  ]);
  return `# bash completion of op-dbus, made by: op-dbus manual --completion
_op_dbus() {
  local words current=\${COMP_WORDS[COMP_CWORD]} first=\${COMP_WORDS[1]} second=\${COMP_WORDS[2]}
  [ "$COMP_CWORD" -gt 1 ] || first=
  [ "$COMP_CWORD" -gt 2 ] || second=
  words='${words(program).join(' ')}'
  case "$first" in
${cases.filter((line) => !line.startsWith("    '")).join('\n')}
  esac
  case "$first $second" in
${cases.filter((line) => line.startsWith("    '")).join('\n')}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -o default -F _op_dbus op-dbus
`;
}

/** Section 8: root's. */
export function manual(program: Command): string {
  const commands = shown(program).flatMap((command) => {
    const subs = shown(command);
    return subs.length === 0 ? [command] : subs;
  });
  return `.TH OP\\-DBUS 8 "" "op-dbus ${program.version() ?? ''}"
.SH NAME
op\\-dbus \\- ${roff(program.description())}
.SH SYNOPSIS
.B op\\-dbus
.I command
.RI [ options ]
.SH COMMANDS
${commands.map(entry).join('')}.SH FILES
.TP
.I /etc/op\\-dbus/state.json
the state file
.TP
.I /etc/op\\-dbus/files/
keys and certificates, by container and path
.SH EXIT STATUS
0 when all is well, 1 on an error, and as each command says.
`;
}

function shown(command: Command): readonly Command[] {
  return command
    .createHelp()
    .visibleCommands(command)
    .filter((one) => one.name() !== 'help');
}

function words(command: Command): readonly string[] {
  const options = command
    .createHelp()
    .visibleOptions(command)
    .flatMap(({ long }) => long ?? []);
  return [...shown(command).map((one) => one.name()), ...options];
}

function entry(command: Command): string {
  const help = command.createHelp();
  const parent = command.parent?.parent ? `${command.parent.name()} ` : '';
  const options = help.visibleOptions(command).filter(({ long }) => long !== '--help');
  const lines = options.map((option) => `.RS\n.TP\n.B ${roff(option.flags)}\n${roff(option.description)}\n.RE\n`);
  return `.TP\n.B op\\-dbus ${roff(`${parent}${command.name()} ${command.usage()}`)}\n${roff(command.description())}\n${lines.join('')}`;
}

/** Text as it stands: no escape, no request. */
function roff(text: string): string {
  return text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replace(/^(?=[.'])/, '\\&');
}
