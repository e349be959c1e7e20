// What Open vSwitch 3.1.0 answered to each request, for tests. (The tables are cut to three.)

import { readFileSync } from 'node:fs';
import { Framer } from './frame.ts';
import type { Message, Version } from './message.ts';

export type Captured = { readonly version: Version; readonly name: string; readonly message: Message };

/**
 * Of a bridge br0 with the port internal_100 (100), one meter and two flows; then of a port `late` that came, went down
 * and left.
 */
export const captured: readonly Captured[] = readFileSync(new URL('captured.txt', import.meta.url), 'utf8')
  .trim()
  .split('\n')
  .flatMap((line) => {
    const [protocol = '', name = '', hex = ''] = line.split(' ');
    const version = protocol === 'OpenFlow14' ? 5 : 4;
    return new Framer().push(Buffer.from(hex, 'hex')).map((message) => ({ version, name, message }) as const);
  });

/** The message of that name. */
export function capturedAs(version: Version, name: string): Message {
  const found = captured.find((one) => one.version === version && one.name === name);
  if (found === undefined) throw new Error(`nothing captured as ${name}`);
  return found.message;
}
