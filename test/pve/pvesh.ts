// pvesh get /nodes/NODE/lxc --output-format json: the node's containers by Proxmox's API (pvesh(1)).

import { parseArguments, verb } from './argument.ts';
import { Die } from './die.ts';
import { summaries } from './list.ts';
import type { Pve } from './pve.ts';
import type { Rule } from './schema.ts';

/** @returns the exit status. @throws Die */
export async function pvesh(pve: Pve, [given, ...argv]: readonly string[]): Promise<number> {
  const name = verb('pvesh', ['get'], given);
  const format: Rule = { type: 'string', enum: ['text', 'json', 'json-pretty', 'yaml'] };
  const option = (key: string): Rule | null => (key === 'output-format' ? format : null);
  const { values } = parseArguments(`pvesh ${name}`, { args: { api_path: { type: 'string' } }, option }, argv);
  const path = values['api_path'] ?? '';
  const [, node] = /^\/?nodes\/([^/]+)\/lxc\/?$/.exec(path) ?? [];
  if (node === undefined) throw new Die(`No '${name}' handler defined for '${path}'`);
  if (node !== pve.node && node !== 'localhost') throw new Die(`no such cluster node '${node}'`);
  const wanted = values['output-format'] ?? 'text';
  if (!wanted.startsWith('json')) throw new Die(`the double has no output format ${wanted}`);
  pve.say(JSON.stringify(await summaries(pve), null, wanted === 'json' ? undefined : 3));
  return 0;
}
