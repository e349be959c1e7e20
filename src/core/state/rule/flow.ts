// Users' flows: known fields with their prerequisites, and actions that lead to ports of the bridge.

import { type ActionDraft, bad, entries, type FlowDraft } from '../draft.ts';
import { didYouMean } from '../hint.ts';
import { fieldNames, matchFaults } from '../match.ts';
import { type Finding, type Path, quote } from '../problem.ts';
import { repeated, type Rule, type View } from './rule.ts';

export const flows: Rule = (view) =>
  entries(view.draft.openflow?.bridges).flatMap(([index, bridge]) => {
    const known = portsOf(view, bridge.name);
    const list = entries(bridge.flows).map(([position, flow]) => ({
      flow,
      path: ['openflow', 'bridges', index, 'flows', position],
    }));
    return [
      ...list.flatMap(({ flow, path }) => [...matched(flow, path, known), ...acted(flow, path, known)]),
      ...repeated(
        list.map(({ flow, path }) => ({ value: identity(flow), path })),
        () => 'a flow with the same table, priority and match comes before: the switch would keep one of them',
      ),
    ];
  });

/** The names that ports of a bridge go by; null when not all can be told. */
function portsOf({ links, portsKnown }: View, bridge: string | undefined): readonly string[] | null {
  if (bridge === undefined || !portsKnown) return null;
  const own = links
    .filter((link) => link.bridge === bridge || link.bridge === null)
    .flatMap(({ row, device }) => [row, device]);
  return [...own.filter((name) => name !== null), bridge];
}

function matched(
  { match_fields: match = {} }: FlowDraft,
  path: Path,
  known: readonly string[] | null,
): readonly Finding[] {
  const unknown = Object.keys(match)
    .filter((field) => !fieldNames.includes(field))
    .map((field) => ({
      path: [...path, 'match_fields', field],
      key: true,
      message: `unknown match field ${quote(field)}`,
      ...didYouMean(field, fieldNames),
    }));
  const ports = known ?? [String(match['in_port'])];
  const faults = matchFaults(match, ports).map(({ field, ...rest }) => ({
    path: [...path, 'match_fields', field],
    ...rest,
  }));
  return [...unknown, ...faults];
}

function acted({ actions }: FlowDraft, path: Path, known: readonly string[] | null): readonly Finding[] {
  const list = entries<ActionDraft>(actions);
  return list.flatMap(([index, action]): readonly Finding[] => {
    const place = [...path, 'actions', index];
    if (action.type === 'drop' && list.length > 1)
      return [{ path: place, message: 'drop stands alone: expected no other action beside it' }];
    if (action.type !== 'output' || action.port === undefined || known === null || known.includes(action.port))
      return [];
    return [
      { path: [...place, 'port'], message: `the bridge has no port ${action.port}`, ...didYouMean(action.port, known) },
    ];
  });
}

function identity(flow: FlowDraft): string | null {
  if (['table', 'priority', 'match_fields'].some((key) => bad(flow, key))) return null;
  const match = Object.entries(flow.match_fields ?? {}).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return match.some(([, value]) => value === undefined)
    ? null
    : JSON.stringify([flow.table ?? 10, flow.priority ?? 1000, match]);
}
