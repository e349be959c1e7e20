// Ports by name and by number: a port that is absent (a stopped container's veth) has a number reserved and no name.

import type { Flow } from '../../drivers/openflow/contract.ts';
import type { BridgeRow } from '../../drivers/ovsdb/contract.ts';

/** The flow with names in place of the numbers that the switch prints for absent ports. */
export function named(row: BridgeRow, flow: Flow): Flow {
  const names = new Map(numbers(row).map(([name, number]) => [number, name]));
  return replaced(flow, (port) => names.get(port) ?? port);
}

/** The flow with numbers in place of names: the switch knows no name of an absent port. */
export function numbered(row: BridgeRow, flow: Flow): Flow {
  const known = new Map(numbers(row));
  return replaced(flow, (port) => known.get(port) ?? port);
}

/** The number that the port has, or else the one that it will have. */
function numbers({ ports }: BridgeRow): readonly (readonly [name: string, number: string])[] {
  return ports.flatMap(({ interface: { name, ofport, ofportRequest } }) => {
    const number = ofport !== null && ofport > 0 && ofport < LOCAL ? ofport : ofportRequest;
    return number === null ? [] : [[name, `${number}`]];
  });
}

/** The bridge's own port, which is called LOCAL everywhere. */
const LOCAL = 65534;

function replaced(flow: Flow, replace: (port: string) => string): Flow {
  const text = (part: string): string =>
    part.replace(/\b(in_port=|output:)([^,()\s]+)/g, (_, key: string, port: string) => `${key}${replace(port)}`);
  return { ...flow, match: text(flow.match), actions: text(flow.actions) };
}
