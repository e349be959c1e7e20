// The JSON Schema (draft 2020-12) of the state file, for editors; schema/state.json is this, and a test keeps it so.

import * as z from 'zod';
import { bare, document } from './schema.ts';

/** The text of schema/state.json: either shape of the file, before defaults. */
export function jsonSchema(): string {
  const { $schema, ...shapes } = z.toJSONSchema(z.union([document, bare]), { io: 'input', reused: 'ref' });
  return `${JSON.stringify({ $schema, title: 'op-dbus state', ...shapes }, null, 2)}\n`;
}
