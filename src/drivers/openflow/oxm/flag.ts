// Sets of named bits in text: `+syn-ack` (a mask), `syn|ack` (all bits), `0x12/0x12` (ovs-fields(7)).

import { OpError } from '../../../error.ts';
import { parseSmall } from './number.ts';

/** Bit 0 first. */
export const flagNames = {
  tcp_flags: ['fin', 'syn', 'rst', 'psh', 'ack', 'urg', 'ece', 'cwr', 'ns', '[200]', '[400]', '[800]'],
  ct_state: ['new', 'est', 'rel', 'rpl', 'inv', 'trk', 'snat', 'dnat'],
  tun_flags: ['oam'],
} as const satisfies Readonly<Record<string, readonly string[]>>;

export type FlagForm = keyof typeof flagNames;

/** `mask` is null when every bit is meant. */
export function parseFlags(form: FlagForm, text: string): { readonly value: number; readonly mask: number | null } {
  const names: readonly string[] = flagNames[form];
  const all = 2 ** names.length - 1;
  const slash = text.indexOf('/');
  if (slash >= 0) {
    const mask = parseSmall(text.slice(slash + 1), all);
    return { value: parseSmall(text.slice(0, slash), all) & mask, mask };
  }
  if (text.startsWith('+') || text.startsWith('-')) {
    let value = 0;
    let mask = 0;
    for (const [, sign, name = ''] of text.matchAll(/([+-])([^+-]*)/g)) {
      const bit = bitOf(names, name, text);
      if ((mask & bit) !== 0) throw new OpError('state', `${name} twice in ${text}`);
      mask |= bit;
      if (sign === '+') value |= bit;
    }
    return { value, mask };
  }
  let value = 0;
  for (const word of text.split('|')) value |= /^\d/.test(word) ? parseSmall(word, all) : bitOf(names, word, text);
  return { value, mask: null };
}

/** `syn|ack`, `0` for none. */
export function flagsText(form: FlagForm, value: number): string {
  const names: readonly string[] = flagNames[form];
  const set = names.filter((_, index) => (value & (1 << index)) !== 0);
  const unknown = value & ~(2 ** names.length - 1);
  if (unknown !== 0) set.push(`0x${unknown.toString(16)}`);
  return set.length === 0 ? '0' : set.join('|');
}

/** `+syn-ack`, in the order of the bits. */
export function maskedFlagsText(form: FlagForm, value: number, mask: number): string {
  const names: readonly string[] = flagNames[form];
  let text = '';
  for (let bit = 0; bit < 32; bit += 1)
    if ((mask & (1 << bit)) !== 0) text += ((value & (1 << bit)) === 0 ? '-' : '+') + (names[bit] ?? '[Unknown]');
  return text === '' ? '0/0' : text;
}

function bitOf(names: readonly string[], name: string, text: string): number {
  const index = names.indexOf(name);
  if (index < 0) throw new OpError('state', `${name === '' ? text : name} is not one of ${names.join(', ')}`);
  return 1 << index;
}
