// Numbers made from ids, so that the same state always gives the same port numbers and MACs.

/**
 * The OpenFlow port number of a container. Open vSwitch never hands out 32768 to 65279 by itself (ofproto.c keeps the
 * upper half for requests), so a requested one is free. Ids 32512 apart collide: rule/name.ts refuses them.
 */
export function portNumber(id: number): number {
  return 32768 + (id % 32512);
}

/** Locally administered: `02:0a:00:01:HH:LL`, the id in the last two bytes. */
export function containerMac(id: number): string {
  return `02:0a:00:01:${byte(id >> 8)}:${byte(id)}`;
}

/** Locally administered: `02:0a:00:00:00:01` for the first bridge of the state, :02 for the second. */
export function bridgeMac(index: number): string {
  return `02:0a:00:00:${byte((index + 1) >> 8)}:${byte(index + 1)}`;
}

function byte(number: number): string {
  return (number & 255).toString(16).padStart(2, '0');
}
