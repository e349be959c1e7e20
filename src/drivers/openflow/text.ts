// A flow table as ovs-ofctl prints and reads it (ovs-ofctl(8), ovs-fields(7)): parse, print, order.

import { OpError } from '../../error.ts';
import type { Flow, Meter } from './contract.ts';

/**
 * One line of `ovs-ofctl -O OpenFlow14 --names --no-stats dump-flows`, quotes round port names or not. The switch leaves
 * out `cookie=0x0`, `table=0` and `priority=32768`. Timeouts and flags stand in front of `match`.
 * @throws OpError `protocol` when it isn't a flow.
 */
export function parseFlow(line: string): Flow {
  const found = /^(?:(.*)\s)?actions=(.*)$/.exec(line.trim().replaceAll('"', ''));
  if (found === null) throw new OpError('protocol', `not a flow: ${line.trim()}`);
  const words = (found[1] ?? '').split(/[\s,]+/).filter((word) => word !== '');
  const value = (key: string): string | undefined =>
    words.find((word) => word.startsWith(`${key}=`))?.slice(key.length + 1);
  return {
    cookie: value('cookie') ?? '0x0',
    table: Number(value('table') ?? 0),
    priority: Number(value('priority') ?? DEFAULT_PRIORITY),
    match: words.filter((word) => !/^(cookie|table|priority)=/.test(word)).join(','),
    actions: found[2] ?? '',
  };
}

/** The line that the switch prints for a flow: the inverse of parseFlow for every flow without timeouts and flags. */
export function printFlow({ cookie, table, priority, match, actions }: Flow): string {
  const head = [...(cookie === '0x0' ? [] : [`cookie=${cookie}`]), ...(table === 0 ? [] : [`table=${table}`])];
  const order = priority === DEFAULT_PRIORITY ? [] : [`priority=${priority}`];
  const body = [...order, ...(match === '' ? [] : [match])].join(',');
  return [...head.map((word) => `${word}, `), body === '' ? '' : `${body} `, `actions=${actions}`].join('');
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
  return flows.toSorted(
    (a, b) => a.table - b.table || b.priority - a.priority || (printFlow(a) < printFlow(b) ? -1 : 1),
  );
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

const extra =
  /^(idle_timeout|hard_timeout|importance|send_flow_rem|check_overlap|reset_counts|no_packet_counts|no_byte_counts)\b/;

function pure(match: string): string {
  return match
    .split(',')
    .filter((word) => !extra.test(word))
    .join(',');
}
