// Where the CLI writes: results on stdout, errors on stderr, secrets nowhere.

import { describe } from '../error.ts';

export function out(line = ''): void {
  process.stdout.write(`${line}\n`);
}

export function err(line: string): void {
  process.stderr.write(`${line}\n`);
}

/** A result as one JSON text. Every shape carries `version`, which grows when a field changes its meaning. */
export function json(value: Readonly<Record<string, unknown>>): void {
  out(JSON.stringify({ version: 1, ...value }, null, 2));
}

/** One line for each error that came together. */
export function errors(error: unknown): readonly string[] {
  return error instanceof AggregateError ? error.errors.flatMap(errors) : [describe(error)];
}

/** Left-aligned columns, two blanks between. */
export function table(rows: readonly (readonly string[])[]): readonly string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}
