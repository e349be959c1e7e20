// A flow table as ovs-ofctl prints and reads it (ovs-ofctl(8), ovs-fields(7)): parse, print, order, and the silent widening refused.

import { OpError } from '../../error.ts';
import type { Flow } from './contract.ts';

/**
 * The flows of `ovs-ofctl -O OpenFlow14 --names --no-stats dump-flows`, in its order, without the quotes round port
 * names. Timeouts and flags, which op-dbus never sets, stand in front of `match`, so that such a flow differs from ours.
 * @throws OpError `protocol` with a line that isn't a flow.
 */
export function parseFlows(dump: string): readonly Flow[] {
  return dump
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map(parseFlow);
}

/** One line of a dump. The switch leaves out `cookie=0x0`, `table=0` and `priority=32768`. */
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

/** A bundle as ovs-ofctl reads it from a file: one command a line, deletes first. */
export function printBundle(add: readonly Flow[], remove: readonly Flow[]): readonly string[] {
  return [...remove.map((flow) => `delete_strict ${strict(flow)}`), ...add.map((flow) => `add ${full(flow)}`)];
}

/** A flow's identity and, as a condition, its cookie: what a strict delete takes. */
export function strict({ cookie, table, priority, match }: Flow): string {
  return [`cookie=${cookie}/-1,table=${table},priority=${priority}`, pure(match)]
    .filter((part) => part !== '')
    .join(',');
}

/**
 * A field without its prerequisite in `match`, null when there is none. The switch would drop the field, and so widen
 * the match, without an error: `tp_dst=80` without tcp or udp matches everything.
 */
export function unfounded(match: string): string | null {
  const words = match.split(',');
  const fields = words.map((word) => word.split('=')[0] ?? '');
  return (
    fields.find((field) =>
      prerequisites.some(([kind, needs]) => kind.test(field) && !words.some((word) => needs.test(word))),
    ) ?? null
  );
}

const DEFAULT_PRIORITY = 32768;

const prerequisites: readonly (readonly [RegExp, RegExp])[] = [
  [/^tcp_flags$/, /^(tcp6?|nw_proto=6)$/],
  [/^tp_(src|dst)$/, /^(tcp6?|udp6?|sctp6?|nw_proto=(6|17|132))$/],
  [/^(tcp)_(src|dst)$/, /^(tcp6?|nw_proto=6)$/],
  [/^(udp)_(src|dst)$/, /^(udp6?|nw_proto=17)$/],
  [/^icmp_(type|code)$/, /^(icmp6?|nw_proto=(1|58))$/],
  [
    /^(nw|ip)_(src|dst|proto|tos|ecn|ttl|frag|dscp)$/,
    /^(ip|icmp|tcp|udp|sctp|arp|rarp|ipv6|icmp6|tcp6|udp6|sctp6|dl_type=.*)$/,
  ],
  [/^ipv6_(src|dst)$/, /^(ipv6|icmp6|tcp6|udp6|sctp6|dl_type=0x86dd)$/],
  [/^arp_(op|spa|tpa|sha|tha)$/, /^(arp|rarp|dl_type=0x080[56]|dl_type=0x80[56])$/],
];

const extra =
  /^(idle_timeout|hard_timeout|importance|send_flow_rem|check_overlap|reset_counts|no_packet_counts|no_byte_counts)\b/;

function pure(match: string): string {
  return match
    .split(',')
    .filter((word) => !extra.test(word))
    .join(',');
}

function full(flow: Flow): string {
  const { cookie, table, priority, match, actions } = flow;
  return [`cookie=${cookie},table=${table},priority=${priority}`, match, `actions=${actions}`]
    .filter((part) => part !== '')
    .join(',');
}
