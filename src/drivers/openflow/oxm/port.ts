// Port numbers and their names (OpenFlow 1.4 §7.2.1, ovs-ofctl(8)).

import { OpError } from '../../../error.ts';

/**
 * Ports by name, both ways; numbers are OpenFlow 1.4's 32-bit ones. What was encoded or decoded with an object of this
 * type is remembered with it: it must go on giving the same answers. Make a new one when the ports change.
 */
export type Ports = {
  readonly number: (name: string) => number | undefined;
  readonly name: (number: number) => string | undefined;
};

/** Ports that only have numbers. */
export const unnamed: Ports = { number: () => undefined, name: () => undefined };

/** From 0xfff8, as OpenFlow 1.0 counts them; 1.1 and later put 0xffff in front. */
const reserved: readonly string[] = ['IN_PORT', 'TABLE', 'NORMAL', 'FLOOD', 'ALL', 'CONTROLLER', 'LOCAL', 'ANY'];
const UNSET = 0xfff7;
const MAX = 0xff00;
const OFFSET = 0xffff0000;

export const IN_PORT = 0xfffffff8;
export const CONTROLLER = 0xfffffffd;

/** A port's 32-bit number from its number, name or reserved name (in any case); undefined when it is none. */
export function portNumber(text: string, ports: Ports): number | undefined {
  const bare = text.startsWith('"') && text.endsWith('"') && text.length > 2 ? text.slice(1, -1) : text;
  if (/^(\d+|0x[\da-f]+)$/i.test(bare)) {
    const number = Number(bare);
    if (number < MAX || (number >= OFFSET + UNSET && number <= 0xffffffff)) return number;
    return number >= UNSET && number <= 0xffff ? number + OFFSET : undefined;
  }
  const upper = bare.toUpperCase();
  if (upper === 'UNSET') return UNSET + OFFSET;
  const index = upper === 'NONE' ? reserved.length - 1 : reserved.indexOf(upper);
  return index < 0 ? ports.number(bare) : 0xfffffff8 + index;
}

/** A port as OVS prints it, without quotes. */
export function portText(number: number, ports: Ports): string {
  if (number >= OFFSET + UNSET) return reserved[number - IN_PORT] ?? 'UNSET';
  if (number >= MAX) throw new OpError('protocol', `port ${number} is in no range that OpenFlow 1.4 has`);
  return ports.name(number) ?? `${number}`;
}

/** The 16-bit number that Nicira's actions carry. */
export function port16(number: number): number {
  return number & 0xffff;
}

/** The 32-bit number of a 16-bit one. */
export function port32(number: number): number {
  return number >= MAX ? number + OFFSET : number;
}
