// op-dbus: the table of commands.

import { Command, CommanderError } from 'commander';
import { applyCommand } from './apply.ts';
import { confirmCommand } from './confirm.ts';
import { daemonCommand } from './daemon.ts';
import { diffCommand } from './diff.ts';
import { doctorCommand } from './doctor.ts';
import { downCommand } from './down.ts';
import { execCommand } from './exec.ts';
import { explainCommand } from './explain.ts';
import { historyCommand } from './history.ts';
import { initCommand } from './init.ts';
import { labCommand } from './lab.ts';
import { manualCommand } from './manual.ts';
import { complain } from './output.ts';
import { OpError } from '../error.ts';
import { queryCommand } from './query.ts';
import { rollbackCommand } from './rollback.ts';
import { serviceCommand } from './service.ts';
import { statusCommand } from './status.ts';
import { testCommand } from './test.ts';
import { traceCommand } from './trace.ts';
import { verifyCommand } from './verify.ts';
import { version } from './version.ts';
import { warpCommand } from './warp.ts';

// A reader that goes away (`| head`) stops the talk, not the work.
for (const stream of [process.stdout, process.stderr])
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') return;
    process.exitCode = 1;
    if (stream !== process.stderr) process.stderr.write(`error[host] writing the output: ${error.message}\n`);
  });

const asJson = process.argv.includes('--json');

const program = new Command('op-dbus')
  .description('One JSON file describes a privacy router; op-dbus makes this host be it.')
  .version(version)
  .showHelpAfterError('(op-dbus --help shows the commands)')
  .enablePositionalOptions()
  .exitOverride()
  .configureOutput(asJson ? { writeErr: () => {} } : {});

for (const add of [
  initCommand,
  doctorCommand,
  diffCommand,
  applyCommand,
  confirmCommand,
  verifyCommand,
  testCommand,
  statusCommand,
  queryCommand,
  explainCommand,
  traceCommand,
  historyCommand,
  rollbackCommand,
  downCommand,
  execCommand,
  daemonCommand,
  serviceCommand,
  warpCommand,
  labCommand,
  manualCommand,
])
  add(program);

// Each command's own help, not the list of all, is what somebody wants who got its options wrong.
function pointToHelp(command: Command, name: string): void {
  for (const part of command.commands) {
    part.showHelpAfterError(`(${name} ${part.name()} --help shows how it is called)`);
    pointToHelp(part, `${name} ${part.name()}`);
  }
}
pointToHelp(program, 'op-dbus');

try {
  await program.parseAsync();
} catch (error) {
  const parser = error instanceof CommanderError ? error : null;
  // What the parser of options has to say it has said already, unless JSON was asked for; help and version are no errors.
  if (parser === null) complain(error, asJson);
  else if (asJson && parser.exitCode !== 0)
    complain(new OpError('usage', parser.message.replace(/^error: /, '')), true);
  process.exitCode = parser?.exitCode ?? 1;
}
