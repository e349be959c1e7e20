// What was read once is not read again: maps of bounded size, one for each set of ports.

import type { Ports } from './port.ts';

/** Gives the map that belongs to `ports`. */
export function memory<Value>(): (ports: Ports) => Map<string, Value> {
  const maps = new WeakMap<Ports, Map<string, Value>>();
  let last: Ports | null = null;
  let lastMap = new Map<string, Value>();
  return (ports) => {
    if (ports === last) return lastMap;
    const found = maps.get(ports) ?? new Map<string, Value>();
    maps.set(ports, found);
    [last, lastMap] = [ports, found];
    return found;
  };
}

/**
 * Keeps the value, and gives it. A map that is full takes no more, so that memory stays bounded and what is never met
 * again costs little; after many refusals it is emptied, since others are met by then.
 */
export function keep<Key, Value>(map: Map<Key, Value>, key: Key, value: Value): Value {
  if (map.size >= LIMIT) {
    refused += 1;
    if (refused < 8 * LIMIT) return value;
    refused = 0;
    map.clear();
  }
  map.set(key, value);
  return value;
}

const LIMIT = 8192;
let refused = 0;
