// Where the CLI writes: results on stdout, errors on stderr, secrets nowhere.

import { describe, OpError } from '../error.ts';

export function out(line = ''): void {
  process.stdout.write(`${plainly(line)}\n`);
}

export function err(line: string): void {
  process.stderr.write(`${plainly(line)}\n`);
}

/** Text of a container's may stand in a line, and terminals obey control and format characters: they are shown by number. */
export function plainly(text: string): string {
  return text.replace(
    /(?![\n\t])[\p{Cc}\p{Cf}\u2028\u2029]/gu,
    (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** Something worth knowing that is no error and no result. */
export function note(line: string): void {
  err(`note: ${line}`);
}

/** A result as one JSON text. Every shape carries `version`, which grows when a field changes its meaning. */
export function json(value: Readonly<Record<string, unknown>>): void {
  out(JSON.stringify({ version: 1, ...value }, null, 2));
}

/** Errors on stderr, each with its hint, or as one JSON text when the command was asked for JSON. */
export function complain(error: unknown, asJson: boolean): void {
  const all = flat(error);
  if (!asJson) for (const one of all) err(describe(one));
  else err(JSON.stringify({ version: 1, errors: all.map(plain) }, null, 2));
}

/** The errors that came together. */
function flat(error: unknown): readonly unknown[] {
  return error instanceof AggregateError ? error.errors.flatMap(flat) : [error];
}

function plain(error: unknown): Readonly<Record<string, unknown>> {
  if (error instanceof OpError) return { code: error.code, message: error.message, at: error.at, hint: error.hint };
  return { code: 'internal', message: error instanceof Error ? error.message : String(error) };
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
