// Users' flows: known fields with their prerequisites, and actions that lead to ports of the bridge.

import { OpError } from '../../../error.ts';
import { canonicalMatch } from '../canonical.ts';
import { type ActionDraft, bad, entries, type FlowDraft, type PolicyDraft } from '../draft.ts';
import { didYouMean } from '../hint.ts';
import { fieldNames, matchFaults, showMatch } from '../match.ts';
import { type Finding, type Path, quote } from '../problem.ts';
import { isChain } from './chain.ts';
import { repeated, type Rule, type View } from './rule.ts';

export const flows: Rule = (view) =>
  entries(view.draft.openflow?.bridges).flatMap(([index, bridge]) => {
    const known = portsOf(view, bridge.name);
    const list = entries(bridge.flows).map(([position, flow]) => {
      const path = ['openflow', 'bridges', index, 'flows', position];
      return { flow, path, faults: matched(flow, path, known) };
    });
    return [
      ...list.flatMap(({ flow, path, faults }) => [
        ...faults,
        ...acted(flow, path, known),
        ...contested(view, bridge.name, flow, path),
      ]),
      ...repeated(
        list.map(({ flow, path, faults }) => ({
          value: faults.length > 0 ? null : identity(view, bridge.name, flow),
          path,
        })),
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

/**
 * A flow of a container's packets beside its policy, in the same table and with the same priority: which of two comes
 * first nobody says, and of two with the same match there would be one. A policy that drops on a bridge without a chain
 * has a second flow one above, for the subnet.
 */
function contested(
  view: View,
  bridge: string | undefined,
  { match_fields: match = {}, table = 10, priority = 1000 }: FlowDraft,
  path: Path,
): readonly Finding[] {
  const { draft, links } = view;
  const { in_port: port } = match;
  const from = links.find(({ row, device }) => port !== undefined && [row, device].includes(String(port)));
  if (from === undefined || bridge === undefined) return [];
  const rival = entries<PolicyDraft>(draft.openflow?.flow_policies).find(([, { selector, template }]) => {
    if (selector !== `container:${from.id}` || (template?.table ?? 10) !== table) return false;
    const above = template?.actions?.[0]?.type === 'drop' && !isChain(view, bridge) ? 1 : 0;
    const own = template?.priority ?? 1000;
    return priority === own || priority === own + above;
  });
  if (rival === undefined) return [];
  const message = `policy ${rival[1].name} has priority ${priority} too: expected a higher one to come first`;
  return [{ path: [...path, 'priority'], message }];
}

/**
 * Its place in the switch, whatever the spelling; null when it can't be told, for a reason that is told elsewhere. On a
 * chain a flow that sends on takes IPv4 alone, though it doesn't say so.
 */
function identity(view: View, bridge: string | undefined, flow: FlowDraft): string | null {
  if (['table', 'priority', 'match_fields'].some((key) => bad(flow, key))) return null;
  const match = flow.match_fields ?? {};
  if (Object.values(match).includes(undefined)) return null;
  const port = (name: string): string =>
    name === bridge ? 'LOCAL' : (view.links.find(({ row }) => row === name)?.device ?? name);
  const sends = flow.actions?.some((action) => action !== undefined && action.type !== 'drop') === true;
  try {
    const words = canonicalMatch(showMatch(match, port));
    const bare = words[0]?.includes('=') === true && sends && bridge !== undefined && isChain(view, bridge);
    return JSON.stringify([flow.table ?? 10, flow.priority ?? 1000, ...(bare ? ['ip'] : []), ...words]);
  } catch (error) {
    if (error instanceof OpError) return null;
    throw error;
  }
}
