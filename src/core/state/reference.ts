// The table of keys in docs/state.md, from the JSON Schema; a test keeps it so.

import * as z from 'zod';
import { document } from './schema.ts';

type Node = {
  readonly type?: string;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly default?: unknown;
  readonly description?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly properties?: Readonly<Record<string, Node>>;
  readonly required?: readonly string[];
  readonly items?: Node;
  readonly additionalProperties?: Node | boolean;
  readonly anyOf?: readonly Node[];
  readonly oneOf?: readonly Node[];
};

/** Markdown: one row a key, in the order of the schema; `[]` is each entry of a list, `*` any name, wg0 stands for all wgN. */
export function reference(): string {
  const root = z.toJSONSchema(document, { io: 'input', reused: 'inline' }) as Node;
  const rows = new Map<string, { readonly values: Set<string>; readonly without: string }>();
  for (const { path, value, otherwise } of walk(root.properties?.['plugins'] ?? {}, '')) {
    const row = rows.get(path) ?? { values: new Set(), without: otherwise };
    rows.set(path, { ...row, values: row.values.add(value) });
  }
  const lines = [...rows].map(([path, row]) => `| \`${path}\` | ${[...row.values].join(' or ')} | ${row.without} |`);
  return ['| key | value | when it is left out |', '|---|---|---|', ...lines].join('\n');
}

type Key = { readonly path: string; readonly value: string; readonly otherwise: string };

function* walk(node: Node, path: string): Generator<Key> {
  for (const one of [...(node.anyOf ?? []), ...(node.oneOf ?? [])]) yield* walk(one, path);
  for (const [key, value] of Object.entries(node.properties ?? {})) {
    const at = path === '' ? key : `${path}.${key}`;
    if (/^wg[1-9]$/.test(key)) continue;
    yield { path: at, value: what(value), otherwise: without(value, node.required?.includes(key) ?? false) };
    yield* walk(value, at);
  }
  if (node.items !== undefined) yield* walk(node.items, `${path}[]`);
  if (typeof node.additionalProperties === 'object') yield* walk(node.additionalProperties, `${path}.*`);
}

function what(node: Node): string {
  if (node.description !== undefined) return node.description.replaceAll('|', '\\|');
  if (node.const !== undefined) return code(node.const);
  if (node.enum !== undefined) return node.enum.map(code).join(', ');
  if (node.type === 'integer') return `a whole number${bounds(node)}`;
  if (node.type === 'array') return 'a list';
  if (node.type === 'object' || node.properties !== undefined) return 'an object';
  const choices = [...(node.anyOf ?? []), ...(node.oneOf ?? [])].map(what);
  return choices.length > 0 ? [...new Set(choices)].join(' or ') : (node.type ?? 'anything');
}

function bounds({ minimum, maximum }: Node): string {
  const known = (limit: number | undefined) => limit !== undefined && Math.abs(limit) < Number.MAX_SAFE_INTEGER;
  return known(minimum) && known(maximum) ? ` from ${minimum} to ${maximum}` : '';
}

function without(node: Node, required: boolean): string {
  if (required) return 'an error';
  return node.default === undefined ? '' : code(node.default);
}

function code(value: unknown): string {
  return `\`${JSON.stringify(value)}\``;
}
