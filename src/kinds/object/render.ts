// A property's change as a busctl(1) command. Its type is the host's to say: here it is the one that the JSON looks like.

import type { Change } from '../../core/resource.ts';
import { keptPath } from '../kept.ts';
import type { Spec } from './schema.ts';

export function render({ before, after }: Change<Spec>): readonly string[] {
  const spec = after ?? before;
  if (spec === null) return [];
  const { destination, path, interface: of, property, value } = spec;
  const where = `${destination} ${path} ${of} ${property}`;
  if (after === null) return [`# ${where}: as before, by ${keptPath}`];
  return [`busctl set-property ${where} ${argument(value)}`];
}

function argument(value: unknown): string {
  // What JSON can't hold as a number.
  if (typeof value === 'string' && /^-?\d{16,20}$/.test(value)) return `${value.startsWith('-') ? 'x' : 't'} ${value}`;
  if (typeof value === 'string') return `s '${value.replaceAll("'", "'\\''")}'`;
  if (typeof value === 'boolean') return `b ${value}`;
  if (typeof value !== 'number') return `'${JSON.stringify(value).replaceAll("'", "'\\''")}'`;
  if (!Number.isInteger(value)) return `d ${value}`;
  return value < 0 ? `i ${value}` : `u ${value}`;
}
