// A flow between its text and what the switch knows of it: match and actions by the codec in oxm/, the rest here.

import { OpError } from '../../error.ts';
import type { Flow } from './contract.ts';
import { encodeInstructions, decodeInstructions } from './oxm/instruction.ts';
import { encodeMatch } from './oxm/match.ts';
import type { Ports } from './oxm/port.ts';
import { decodeMatch } from './oxm/print.ts';
import { printFlow } from './text.ts';
import { FLAG, type RawFlow } from './wire/flow.ts';

/** @throws OpError `protocol` with the flow, when a word of it isn't understood or lacks its prerequisite. */
export function encodeFlow(flow: Flow, ports: Ports): RawFlow {
  try {
    const { match, idleTimeout, hardTimeout, importance, flags } = options(flow.match);
    return {
      cookie: BigInt(flow.cookie),
      table: flow.table,
      priority: flow.priority,
      idleTimeout,
      hardTimeout,
      importance,
      flags,
      match: bytes(match) ?? encodeMatch(match, ports),
      instructions: bytes(flow.actions) ?? encodeInstructions(flow.actions, ports, bytes(match) === null ? match : ''),
    };
  } catch (cause) {
    if (!(cause instanceof OpError)) throw cause;
    throw new OpError('protocol', `${cause.message}: ${printFlow(flow)}`, { cause });
  }
}

/** A match or actions of somebody else's that we have no text for read `unknown(0x…)`, their bytes. */
export function decodeFlow(raw: RawFlow, ports: Ports): Flow {
  const match = known(raw.match, () => decodeMatch(raw.match, ports));
  return {
    cookie: `0x${raw.cookie.toString(16)}`,
    table: raw.table,
    priority: raw.priority,
    match: plain(raw) ? match : [...spoken(raw), ...(match === '' ? [] : [match])].join(','),
    actions: known(raw.instructions, () => decodeInstructions(raw.instructions, ports)),
  };
}

function known(raw: Uint8Array, decode: () => string): string {
  try {
    return decode();
  } catch (error) {
    if (error instanceof OpError) return `unknown(0x${Buffer.from(raw).toString('hex')})`;
    throw error;
  }
}

/** What `unknown(0x…)` stands for; null for any other text. */
function bytes(text: string): Uint8Array | null {
  if (!text.startsWith('unknown(')) return null;
  const hex = /^unknown\(0x((?:[0-9a-f]{2})*)\)$/.exec(text)?.[1];
  if (hex === undefined) throw new OpError('protocol', `${text}: expected bytes, like unknown(0x0123)`);
  return Buffer.from(hex, 'hex');
}

type Options = Pick<RawFlow, 'idleTimeout' | 'hardTimeout' | 'importance' | 'flags'>;

const flagNames: readonly (readonly [keyof typeof FLAG, string])[] = [
  ['sendRemoved', 'send_flow_rem'],
  ['checkOverlap', 'check_overlap'],
  ['resetCounts', 'reset_counts'],
  ['noPacketCounts', 'no_packet_counts'],
  ['noByteCounts', 'no_byte_counts'],
];

function plain({ idleTimeout, hardTimeout, importance, flags }: Options): boolean {
  return (idleTimeout | hardTimeout | importance | flags) === 0;
}

/** In the order in which ovs-ofctl prints them. */
function spoken({ idleTimeout, hardTimeout, importance, flags }: Options): readonly string[] {
  return [
    ...(idleTimeout === 0 ? [] : [`idle_timeout=${idleTimeout}`]),
    ...(hardTimeout === 0 ? [] : [`hard_timeout=${hardTimeout}`]),
    ...flagNames.filter(([flag]) => (flags & FLAG[flag]) !== 0).map(([, name]) => name),
    ...(importance === 0 ? [] : [`importance=${importance}`]),
  ];
}

const numbers = { idle_timeout: 'idleTimeout', hard_timeout: 'hardTimeout', importance: 'importance' } as const;

const optional = /^(idle_|hard_|importance|send_|check_|reset_|no_)/;

/** Takes timeouts and flags off the front of a match. */
function options(text: string): Options & { readonly match: string } {
  const found = { idleTimeout: 0, hardTimeout: 0, importance: 0, flags: 0 };
  if (!optional.test(text)) return { ...found, match: text };
  let match = text;
  for (;;) {
    const end = match.indexOf(',');
    const word = end === -1 ? match : match.slice(0, end);
    const [key = '', value = ''] = word.split('=');
    const flag = flagNames.find(([, name]) => name === word)?.[0];
    if (flag !== undefined) found.flags |= FLAG[flag];
    else if (key in numbers) found[numbers[key as keyof typeof numbers]] = seconds(word, value);
    else return { ...found, match };
    match = end === -1 ? '' : match.slice(end + 1);
  }
}

function seconds(word: string, value: string): number {
  if (/^\d{1,5}$/.test(value) && Number(value) <= 65_535) return Number(value);
  throw new OpError('protocol', `${word}: expected a number from 0 to 65535`);
}
