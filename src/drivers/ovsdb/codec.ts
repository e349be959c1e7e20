// JSON texts out of a byte stream, and OVSDB's notation of values (RFC 7047 §4 and §5.1). Pure: no socket.

import { OpError } from '../../error.ts';
import type { Value } from './contract.ts';

/** A value as JSON-RPC carries it: an atom, or `["uuid", …]`, `["named-uuid", …]`, `["set", …]`, `["map", …]`. */
export type Wire = string | number | boolean | readonly [tag: string, content: unknown];

/** Longest message taken, in bytes: some 50,000 interfaces. */
const MESSAGE_LIMIT = 32 * 1024 * 1024;

/** Deepest nesting taken; OVSDB's own messages stay below 10. */
const DEPTH_LIMIT = 100;

/**
 * Cuts a stream of JSON objects, which follow each other with nothing or white space between, at their ends. Feed it
 * chunks of any size; a byte is looked at once.
 */
export class Framer {
  readonly #limit: number;
  #parts: Uint8Array[] = [];
  #length = 0;
  #depth = 0;
  #inString = false;
  #escaped = false;

  constructor(limit: number = MESSAGE_LIMIT) {
    this.#limit = limit;
  }

  /** True between the first and the last byte of a message. */
  get inside(): boolean {
    return this.#depth > 0;
  }

  /**
   * The messages that `chunk` completes, parsed, in order.
   * @throws OpError `protocol` for bytes that are no JSON object, or too long or deep a one. The stream is then lost.
   */
  push(chunk: Uint8Array): readonly unknown[] {
    const messages: unknown[] = [];
    let start = 0;
    for (let at = 0; at < chunk.length; at++) {
      const byte = chunk[at] as number;
      if (this.#depth === 0) {
        if (byte === 0x20 || (byte >= 0x09 && byte <= 0x0d)) continue;
        if (byte !== OPEN_BRACE) throw new OpError('protocol', `byte 0x${byte.toString(16)} where a message begins`);
        start = at;
      }
      this.#step(byte);
      if (this.#depth === 0) messages.push(this.#finish(chunk.subarray(start, at + 1)));
      else if (this.#length + at + 1 - start > this.#limit)
        throw new OpError('protocol', `a message longer than ${this.#limit} bytes`);
    }
    if (this.#depth > 0) {
      // A copy: the chunk's memory is the caller's. (A Buffer's own `slice` makes none.)
      this.#parts.push(new Uint8Array(chunk.subarray(start)));
      this.#length += chunk.length - start;
    }
    return messages;
  }

  /** Every byte that counts is ASCII, and no byte of a longer UTF-8 sequence is. */
  #step(byte: number): void {
    if (this.#escaped) this.#escaped = false;
    else if (this.#inString) {
      if (byte === BACKSLASH) this.#escaped = true;
      else if (byte === QUOTE) this.#inString = false;
    } else if (byte === QUOTE) this.#inString = true;
    else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) {
      if (++this.#depth > DEPTH_LIMIT) throw new OpError('protocol', `a message nested deeper than ${DEPTH_LIMIT}`);
    } else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) this.#depth--;
  }

  #finish(last: Uint8Array): unknown {
    const bytes = this.#parts.length === 0 ? last : Buffer.concat([...this.#parts, last]);
    this.#parts = [];
    this.#length = 0;
    try {
      return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
    } catch (cause) {
      throw new OpError('protocol', 'a message that is no JSON', { cause });
    }
  }
}

/** A value in wire form. Strings are strings: a reference to a row is made with `uuid` or `named`. */
export function encode(value: Value): Wire {
  if (typeof value !== 'object') return value;
  if (Array.isArray(value)) return set(value);
  return ['map', Object.entries(value)];
}

export function uuid(id: string): Wire {
  return ['uuid', id];
}

/** A reference to a row that the same transaction inserts under `uuid-name`. */
export function named(name: string): Wire {
  return ['named-uuid', name];
}

export function set(items: readonly Wire[]): Wire {
  return ['set', items];
}

/**
 * A value out of its wire form. A set of one is written as its only element, so it comes back as an atom: see `items`.
 * @throws OpError `protocol` for anything that is no value, and for a map of other things than strings.
 */
export function decode(wire: unknown): Value {
  if (isScalar(wire)) return wire;
  if (!Array.isArray(wire) || wire.length !== 2) throw malformed(wire);
  const [tag, content] = wire as [unknown, unknown];
  if (tag === 'set' && Array.isArray(content)) return content.map(atom);
  if (tag === 'map' && Array.isArray(content)) return Object.fromEntries(content.map(pair));
  return atom(wire);
}

/** The elements of an optional value or set, of which an atom is the short form. */
export function items(value: Value): readonly (string | number | boolean)[] {
  if (typeof value !== 'object') return [value];
  if (Array.isArray(value)) return value;
  throw new OpError('protocol', 'a map where a set was expected');
}

const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;

function isScalar(wire: unknown): wire is string | number | boolean {
  return typeof wire === 'string' || typeof wire === 'number' || typeof wire === 'boolean';
}

function atom(wire: unknown): string | number | boolean {
  if (isScalar(wire)) return wire;
  if (!Array.isArray(wire) || wire.length !== 2) throw malformed(wire);
  const [tag, id] = wire as [unknown, unknown];
  if ((tag !== 'uuid' && tag !== 'named-uuid') || typeof id !== 'string') throw malformed(wire);
  return id;
}

function pair(wire: unknown): readonly [string, string] {
  if (!Array.isArray(wire) || wire.length !== 2) throw malformed(wire);
  const [key, value] = wire as [unknown, unknown];
  if (typeof key !== 'string' || typeof value !== 'string') throw malformed(wire);
  return [key, value];
}

function malformed(wire: unknown): OpError {
  return new OpError('protocol', `no OVSDB value: ${JSON.stringify(wire)?.slice(0, 80)}`);
}
