// op-dbus query: what op-dbus has made on this host.

import type { Command } from 'commander';
import { observe } from '../engine/observe.ts';
import { isBare } from './bare.ts';
import { onThisHost } from './host.ts';
import { json, out, table } from './output.ts';

export function queryCommand(program: Command): void {
  program
    .command('query')
    .description('show what op-dbus has made on this host')
    .option('--json', 'print JSON')
    .action(async (options: { readonly json?: boolean }) => {
      await onThisHost(async (host) => {
        const resources = isBare() ? [] : await observe(host);
        if (options.json) return json({ resources });
        if (resources.length === 0) return out('Nothing here is made by op-dbus.');
        const rows = resources.map(({ kind, name, spec }) => [kind, name, summary(spec)]);
        for (const line of table([['KIND', 'NAME', 'WHAT'], ...rows])) out(line);
      });
    });
}

/** The short values of a spec; long lists and texts by their size. */
function summary(spec: unknown): string {
  return Object.entries(spec as Readonly<Record<string, unknown>>)
    .map(([key, value]) => `${key}=${short(value)}`)
    .join(' ');
}

function short(value: unknown): string {
  if (Array.isArray(value)) return `${value.length}`;
  if (typeof value === 'string') return value.includes('\n') ? `${value.split('\n').length} lines` : value;
  if (value !== null && typeof value === 'object') return `{${Object.keys(value).join(',')}}`;
  return String(value);
}
