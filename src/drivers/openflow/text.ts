// A flow table as ovs-ofctl prints and reads it (ovs-ofctl(8), ovs-fields(7)): parse, print, order.

import { OpError } from '../../error.ts';
import type { Flow, Meter } from './contract.ts';

/**
 * One line of `ovs-ofctl -O OpenFlow14 --names --no-stats dump-flows`, quotes round port names or not. The switch leaves
 * out `cookie=0x0`, `table=0` and `priority=32768`. Timeouts and flags stand in front of `match`.
 * @throws OpError `protocol` when it isn't a flow.
 */
export function parseFlow(line: string): Flow {
  const text = (line.includes('"') ? line.replaceAll('"', '') : line).trim();
  const end = text.startsWith(ACTIONS) ? 0 : text.lastIndexOf(` ${ACTIONS}`) + 1;
  if (end === 0 && !text.startsWith(ACTIONS)) throw new OpError('protocol', `not a flow: ${line.trim()}`);
  const found = { cookie: '0x0', table: 0, priority: DEFAULT_PRIORITY };
  let match = '';
  for (let at = 0, from = 0; at < end; at += 1) {
    const code = text.charCodeAt(at);
    if (code !== COMMA && code > SPACE) continue;
    if (at > from) {
      if (text.startsWith('cookie=', from)) found.cookie = text.slice(from + 7, at);
      else if (text.startsWith('table=', from)) found.table = Number(text.slice(from + 6, at));
      else if (text.startsWith('priority=', from)) found.priority = Number(text.slice(from + 9, at));
      else match += match === '' ? text.slice(from, at) : `,${text.slice(from, at)}`;
    }
    from = at + 1;
  }
  return { ...found, match, actions: text.slice(end + ACTIONS.length) };
}

/** The line that the switch prints for a flow: the inverse of parseFlow for every flow without timeouts and flags. */
export function printFlow({ cookie, table, priority, match, actions }: Flow): string {
  const head = (cookie === '0x0' ? '' : `cookie=${cookie}, `) + (table === 0 ? '' : `table=${table}, `);
  const order = priority === DEFAULT_PRIORITY ? '' : `priority=${priority}`;
  const body = order === '' || match === '' ? order + match : `${order},${match}`;
  return body === '' ? `${head}${ACTIONS}${actions}` : `${head}${body} ${ACTIONS}${actions}`;
}

/** A meter as `ovs-ofctl add-meter` takes it. */
export function printMeter({ id, unit, rate, burst }: Meter): string {
  return `meter=${id},${unit},burst,stats,bands=type=drop,rate=${rate},burst_size=${burst}`;
}

/** The inverse of printMeter. @throws OpError `protocol` for any other text. */
export function parseMeter(text: string): Meter {
  const found = /^meter=(\d+),(pktps|kbps),burst,stats,bands=type=drop,rate=(\d+),burst_size=(\d+)$/.exec(text);
  if (found === null) throw new OpError('protocol', `not a meter: ${text}`);
  const [, id, unit, rate, burst] = found;
  return { id: Number(id), unit: unit as Meter['unit'], rate: Number(rate), burst: Number(burst) };
}

/** By table, then from the highest priority down, then by text. */
export function sortFlows(flows: readonly Flow[]): readonly Flow[] {
  return flows
    .map((flow) => ({ flow, text: printFlow(flow) }))
    .sort((a, b) => rank(a.flow) - rank(b.flow) || (a.text < b.text ? -1 : 1))
    .map(({ flow }) => flow);
}

/** The lines of flows in that order. */
export function printSorted(flows: readonly Flow[]): readonly string[] {
  const groups = new Map<number, string[]>();
  for (const flow of flows) {
    const group = groups.get(rank(flow));
    if (group === undefined) groups.set(rank(flow), [printFlow(flow)]);
    else group.push(printFlow(flow));
  }
  // Strings are sorted natively, without a call of ours for each comparison.
  return [...groups].sort(([a], [b]) => a - b).flatMap(([, lines]) => lines.sort());
}

function rank({ table, priority }: Flow): number {
  return table * 0x10000 - priority;
}

/** What makes a flow the same flow to the switch: a later one of the same identity replaces it. */
export function identity({ table, priority, match }: Flow): string {
  return `${table} ${priority} ${pure(match)}`;
}

/** A flow's identity and, as a condition, its cookie: what a strict delete takes. */
export function strict({ cookie, table, priority, match }: Flow): string {
  return [`cookie=${cookie}/-1,table=${table},priority=${priority}`, pure(match)]
    .filter((part) => part !== '')
    .join(',');
}

const DEFAULT_PRIORITY = 32768;
const ACTIONS = 'actions=';
const COMMA = 44;
const SPACE = 32;

const extra =
  /^(idle_timeout|hard_timeout|importance|send_flow_rem|check_overlap|reset_counts|no_packet_counts|no_byte_counts)\b/;

const anyExtra = new RegExp(`(?:^|,)${extra.source.slice(1)}`);

function pure(match: string): string {
  if (!anyExtra.test(match)) return match;
  return match
    .split(',')
    .filter((word) => !extra.test(word))
    .join(',');
}
