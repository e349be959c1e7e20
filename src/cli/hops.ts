// A status as a person reads it: a few lines of what is so, and a table of the hops.

import { age, size } from '../core/amount.ts';
import type { Hop } from '../engine/hop.ts';
import type { Begun, Drift, LastApplied, Status } from '../engine/status.ts';
import type { Part, PeerState } from '../kinds/kind.ts';
import { table } from './output.ts';

/** `now` in milliseconds since 1970. */
export function statusLines(status: Status, now: number): readonly string[] {
  const { ready, applied, exit, drift, change, unconfirmed, daemon, faults } = status;
  return [
    `${mark(ready.ok)} ${ready.ok ? 'ready' : 'not ready'}`,
    `  applied  ${applied === null ? 'nothing on this host as yet' : last(applied, now)}`,
    ...(applied?.edited === true
      ? [`! file     ${applied.file} is another than was applied: op-dbus diff ${applied.file}`]
      : []),
    ...(exit === null ? [] : [`  exit     ${exit.address ?? `unknown (${exit.why})`}`]),
    ...(drift === null ? [] : drifted(drift, applied?.file ?? 'FILE')),
    ...(change === null ? [] : begun(change, now)),
    ...(unconfirmed === null
      ? []
      : [`! confirm  "${unconfirmed.action}" is undone at ${unconfirmed.until}: op-dbus confirm`]),
    ...(daemon !== null ? keeping(daemon) : applied === null ? [] : ['  daemon   does not run']),
    ...faults.map((reason) => `✗ fault    ${reason}`),
  ];
}

/** The table, after an empty line; nothing when there is no hop. */
export function hopLines(hops: readonly Hop[]): readonly string[] {
  if (hops.length === 0) return [];
  const head = ['  HOP', 'STATE', 'HANDSHAKE', 'RECEIVED', 'SENT'];
  const parts = hops.flatMap((hop) => hop.parts.flatMap((part, index) => rows(hop, part, index === 0)));
  const lines = table([head, ...parts.map(({ cells }) => cells)]);
  const below = ({ waiting }: Row): readonly string[] => (waiting === null ? [] : [`      waits for ${waiting}`]);
  return ['', lines[0] ?? '', ...parts.flatMap((row, index) => [lines[index + 1] ?? '', ...below(row)])];
}

type Row = { readonly cells: readonly string[]; readonly waiting: string | null };

/** A tunnel with one peer has a line, with several a line for each; the container's line has the hop's name. */
function rows({ name, id }: Hop, part: Part, first: boolean): readonly Row[] {
  const at = part.address === undefined ? '' : ` ${part.address}`;
  const label = first ? `${mark(part.up)} ${name} (${id})` : `${mark(part.up)}   ${part.name}${at}`;
  const state = part.up ? 'up' : 'down';
  const [only, ...more] = part.peers;
  const cells = only === undefined || more.length > 0 ? [label, state, '', '', ''] : [label, state, ...traffic(only)];
  const peers = more.length === 0 ? [] : part.peers;
  return [
    { cells, waiting: part.waiting },
    ...peers.map((peer) => ({ cells: [`      ${peer.key.slice(0, 8)}…`, '', ...traffic(peer)], waiting: null })),
  ];
}

function traffic({ handshake, received, sent }: PeerState): readonly string[] {
  return [
    handshake === null ? '-' : age(handshake),
    received === null ? '-' : size(received),
    sent === null ? '-' : size(sent),
  ];
}

function last({ file, at, entry }: LastApplied, now: number): string {
  const when = at === null ? '-' : `${age((now - Date.parse(at)) / 1000)} ago`;
  return `${file}, ${when}${entry === null ? '' : ` (op-dbus history ${entry})`}`;
}

function drifted({ differ, commands, why }: Drift, file: string): readonly string[] {
  if (differ === null) return [`✗ drift    unknown (${why})`];
  if (differ === 0) return ['  drift    none'];
  const head = `✗ drift    ${differ} ${differ === 1 ? 'differs' : 'differ'} from what was applied: op-dbus diff ${file}`;
  return [head, ...commands.map((command) => cut(`             ${command}`))];
}

function begun({ action, began, running, mend }: Begun, now: number): readonly string[] {
  const since = `"${action}", ${age((now - Date.parse(began)) / 1000)} ago`;
  if (running) return [`  change   ${since}: is under way`];
  const [undo, goOn] = mend;
  return [
    `✗ change   ${since}: interrupted`,
    `             undo it:      ${undo}`,
    `             finish it:    ${goOn}`,
  ];
}

function keeping({ pid, state, shut, failing, held, refused }: NonNullable<Status['daemon']>): readonly string[] {
  const does = {
    ...{
      nothing: 'has nothing to keep',
      kept: 'keeps the host as it is applied',
      differs: held.length > 0 ? 'waits before it tries again' : 'is putting something right',
    },
    ...{ looking: 'is looking at the host', blind: "can't look at the host" },
  }[state];
  return [
    `${state === 'blind' ? '✗' : ' '} daemon   ${does} (process ${pid})`,
    ...(shut ? ['             forwarding is shut since the boot, until the host is as it was applied'] : []),
    ...(failing === null ? [] : [`             ${failing}`]),
    ...held.map(
      ({ what, until, times }) =>
        `             ${what} failed, or is undone again and again: left until ${until} (${times}×)`,
    ),
    ...(refused === null ? [] : [`             ${refused.path} is not applied: ${refused.why}`]),
  ];
}

/** To the width of a terminal; `--json` has the whole. */
function cut(line: string): string {
  return line.length <= 80 ? line : `${line.slice(0, 79)}…`;
}

function mark(ok: boolean): string {
  return ok ? '✓' : '✗';
}
