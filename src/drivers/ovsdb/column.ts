// The columns of a row as the database sends it (RFC 7047 §5.1). Pure; each reader throws OpError `protocol` for another type.

import { OpError } from '../../error.ts';
import { decode, items } from './codec.ts';

export type Row = Readonly<Record<string, unknown>>;

/** The rows of a select's result. @throws OpError `protocol`. */
export function rows(result: unknown): readonly Row[] {
  const list = result !== null && typeof result === 'object' && 'rows' in result ? result.rows : undefined;
  if (!Array.isArray(list) || !list.every((row) => row !== null && typeof row === 'object'))
    throw new OpError('protocol', 'a select without rows');
  return list as readonly Row[];
}

export function string(row: Row, column: string): string {
  const value = decode(row[column]);
  if (typeof value !== 'string') throw new OpError('protocol', `column ${column} is no string`);
  return value;
}

export function optionalString(row: Row, column: string): string | null {
  const [value = null] = items(decode(row[column]));
  if (value !== null && typeof value !== 'string') throw new OpError('protocol', `column ${column} is no string`);
  return value;
}

export function optionalNumber(row: Row, column: string): number | null {
  const [value = null] = items(decode(row[column]));
  if (value !== null && typeof value !== 'number') throw new OpError('protocol', `column ${column} is no number`);
  return value;
}

export function strings(row: Row, column: string): readonly string[] {
  return items(decode(row[column])).map(String);
}

export function map(row: Row, column: string): Readonly<Record<string, string>> {
  const value = decode(row[column]);
  if (typeof value !== 'object' || Array.isArray(value)) throw new OpError('protocol', `column ${column} is no map`);
  return value as Readonly<Record<string, string>>;
}
