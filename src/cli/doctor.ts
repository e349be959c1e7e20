// op-dbus doctor [FILE]: what this machine can and can't do, and what mends it. Changes nothing; knows less without root.

import type { Command } from 'commander';
import { examine, fails } from '../engine/doctor/examine.ts';
import { DEADLINE, gather } from '../engine/doctor/fact.ts';
import type { Finding, Level } from '../engine/doctor/finding.ts';
import { needs } from '../engine/doctor/need.ts';
import { onThisMachine } from './host.ts';
import { load } from '../engine/load.ts';
import { json, out } from './output.ts';

type Options = { readonly json?: boolean };

export function doctorCommand(program: Command): void {
  program
    .command('doctor')
    .description("show what this machine can and can't do, and what mends it; exit status 1: needed or broken")
    .argument('[file]', 'state file, - for stdin: what it needs decides the exit status')
    .option('--json', 'print JSON')
    .action(async (file: string | undefined, options: Options) => {
      process.exitCode = await doctor(file, options);
    });
}

async function doctor(file: string | undefined, options: Options): Promise<number> {
  const loaded = file === undefined ? null : await load(file);
  const needed = loaded === null ? new Set<never>() : needs(loaded.state);
  const facts = await onThisMachine((host) => gather(host, process.getuid?.() === 0), DEADLINE - 1000);
  const findings = examine(facts, needed, loaded?.state.lxc.containers.length);
  const failed = findings.filter(fails);
  if (options.json) json({ ok: failed.length === 0, file: loaded?.file ?? null, findings });
  else tell(findings, failed, loaded?.file);
  return failed.length === 0 ? 0 : 1;
}

const signs: Readonly<Record<Level, string>> = { works: '✓', less: '!', no: '✗', unknown: '?' };

function tell(findings: readonly Finding[], failed: readonly Finding[], file: string | undefined): void {
  const width = Math.max(...findings.map(({ name }) => name.length));
  let last = '';
  for (const { group, name, level, found, fix } of findings) {
    if (group !== last) out(`${last === '' ? '' : '\n'}${group}`);
    last = group;
    out(`  ${signs[level]} ${name.padEnd(width)}  ${found}`);
    if (fix !== null) out(`    ${''.padEnd(width)}  → ${fix}`);
  }
  out();
  for (const { group, name, broken } of failed) out(`${group}, ${name}: ${broken ? 'broken' : `${file} needs it`}`);
  if (failed.length === 0)
    out(
      file === undefined
        ? 'Nothing is broken. Whether a ✗ matters, a state file tells: op-dbus doctor FILE'
        : `This machine has all that ${file} needs. Keys and certificates are not looked at here: op-dbus diff ${file}`,
    );
}
