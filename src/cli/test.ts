// op-dbus test: the specification's connectivity tests of what was applied, as one table, on any host.

import type { Command } from 'commander';
import { lastApplied } from '../engine/applied.ts';
import { expected } from '../engine/expected.ts';
import { type Row, test } from '../engine/test.ts';
import { onThisHost } from './host.ts';
import { json, out, table } from './output.ts';

type Options = { readonly json?: boolean };

export function testCommand(program: Command): void {
  program
    .command('test')
    .description(
      'test the connections of what was applied, hop by hop, and that nothing else passes; exit status 0 when all is as it should be',
    )
    .option('--json', 'print JSON')
    .action(async (options: Options) => {
      const rows = await onThisHost(async (host) => {
        return test(host, await expected(host, await lastApplied(host)));
      });
      const failed = rows.filter(({ ok }) => !ok).length;
      if (options.json) json({ ok: failed === 0, rows });
      else tell(rows, failed);
      process.exitCode = failed === 0 ? 0 : 1;
    });
}

function tell(rows: readonly Row[], failed: number): void {
  const cells = rows.map(({ ok, what, expected, seen }) => [ok ? 'ok' : 'FAILED', what, expected, seen]);
  const [head = '', ...lines] = table([['', 'what', 'expected', 'seen'], ...cells]);
  out(head);
  for (const [index, line] of lines.entries()) {
    out(line);
    const hint = rows[index]?.hint ?? null;
    if (hint !== null) out(`        look: ${hint}`);
  }
  out();
  out(failed === 0 ? `All ${rows.length} tests passed.` : `${failed} of ${rows.length} tests failed.`);
}
