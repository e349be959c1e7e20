// Ports by name and by number: a port that is absent (a stopped container's veth) has a number reserved and no name.

import { proxmoxNumber } from '../../core/topology/proxmox.ts';
import type { Flow } from '../../drivers/openflow/contract.ts';
import type { BridgeRow } from '../../drivers/ovsdb/contract.ts';

/** Puts names in place of the numbers that the switch prints for absent ports. */
export function named(row: BridgeRow): (flow: Flow) => Flow {
  const names = new Map(row.ports.flatMap(numberOf).map(([name, number]) => [number, name]));
  return (flow) => (numeric.test(flow.match) || numeric.test(flow.actions) ? replaced(flow, names) : flow);
}

/**
 * Puts numbers in place of absent ports' names, which the switch doesn't know. One that Proxmox makes may still hang on
 * another bridge when its flows are made here.
 */
export function numbered(row: BridgeRow): (flow: Flow) => Flow {
  const absent = new Map(row.ports.filter((port) => !isThere(port)).flatMap(numberOf));
  const present = new Set(row.ports.filter(isThere).map((port) => port.interface.name));
  const numbers: Names = {
    get: (name) => absent.get(name) ?? (present.has(name) ? undefined : proxmoxNumber(name)?.toString()),
  };
  return (flow) => (absent.size > 0 || plugged(flow) ? replaced(flow, numbers) : flow);
}

type Names = Pick<ReadonlyMap<string, string>, 'get'>;

/** A flow with a port's name in it that may be Proxmox's. */
function plugged({ match, actions }: Flow): boolean {
  return match.includes('=veth') || actions.includes(':veth') || actions.includes('=veth');
}

type PortRow = BridgeRow['ports'][number];

/** The number that the port has, or else the one that it will have. */
function numberOf(port: PortRow): readonly (readonly [name: string, number: string])[] {
  const { name, ofport, ofportRequest } = port.interface;
  const number = isThere(port) ? ofport : ofportRequest;
  return number === null ? [] : [[name, `${number}`]];
}

function isThere({ interface: { ofport } }: PortRow): boolean {
  return ofport !== null && ofport > 0 && ofport < LOCAL;
}

/** A flow with a port's number in it. */
const numeric = /\b(?:in_port=|output:)\d/;

/** The bridge's own port, which is called LOCAL everywhere. */
const LOCAL = 65534;

function replaced(flow: Flow, ports: Names): Flow {
  const match = within(flow.match, 'in_port=', ports);
  const actions = within(within(flow.actions, 'in_port=', ports), 'output:', ports);
  return match === flow.match && actions === flow.actions ? flow : { ...flow, match, actions };
}

/** The text with another port behind each `key`. No regular expression: this is done to every flow of a bridge. */
function within(text: string, key: string, ports: Names): string {
  let result = text;
  for (let at = text.indexOf(key); at !== -1; at = result.indexOf(key, at + key.length)) {
    const from = at + key.length;
    if (at > 0 && /\w/.test(result.charAt(at - 1))) continue;
    let end = from;
    while (end < result.length && !stops(result.charCodeAt(end))) end += 1;
    const other = ports.get(result.slice(from, end));
    if (other !== undefined) result = result.slice(0, from) + other + result.slice(end);
  }
  return result;
}

/** Whether a port's name ends before this character: a comma, a parenthesis or a space. */
function stops(code: number): boolean {
  return code === 44 || code === 40 || code === 41 || code <= 32;
}
