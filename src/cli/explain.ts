// op-dbus explain FILE: which flows the file comes to, and why; without root, a switch or a question to a name server.

import { type Command, InvalidArgumentError } from 'commander';
import { explainState } from '../engine/explain.ts';
import type { Explained } from '../kinds/flow/explain.ts';
import { load } from '../engine/load.ts';
import { json, out } from './output.ts';

type Options = { readonly json?: boolean; readonly table?: number };

export function explainCommand(program: Command): void {
  program
    .command('explain')
    .description('show the flows that the file comes to, and why each is there')
    .argument('<file>', 'state file, - for stdin')
    .option('--table <number>', 'this table alone', tableNumber)
    .option('--json', 'print JSON')
    .action(async (file: string, options: Options) => {
      const { state } = await load(file);
      const bridges = explainState(state).map((bridge) => ({
        ...bridge,
        tables: bridge.tables.filter(({ number }) => options.table === undefined || number === options.table),
      }));
      if (options.json) return json({ bridges });
      if (bridges.length === 0) return out('The file has no bridge, so no flow comes of it.');
      for (const bridge of bridges) tell(bridge);
    });
}

function tell({ bridge, chain, meters, tables }: Explained): void {
  out(`${bridge}: ${chain ? 'a chain, closed unless a flow opens it' : 'a switch whose members are pinned'}`);
  for (const { number, does, flows } of tables) {
    out(`\ntable ${number}: ${does}`);
    for (const { flow, why } of flows) out(`  # ${why}\n  ${flow}`);
  }
  if (meters.length > 0) out(`\n${meters.length} meters, one for each sort of request of each member`);
}

function tableNumber(text: string): number {
  if (/^\d{1,3}$/.test(text) && Number(text) < 255) return Number(text);
  throw new InvalidArgumentError('expected a table from 0 to 254');
}
