// Users' flows, own and of policies: known fields with their prerequisites, actions that lead somewhere, no two at odds.

import { OpError } from '../../../error.ts';
import { actionFaults, showAction } from '../action.ts';
import { canonicalMatch } from '../canonical.ts';
import { type ActionDraft, bad, type BridgeDraft, entries } from '../draft.ts';
import { fieldNames } from '../field.ts';
import { didYouMean } from '../hint.ts';
import { type Fields, layers, matchFaults, showMatch } from '../match.ts';
import type { Placed } from '../placed.ts';
import { type Finding, type Path, quote, showPath } from '../problem.ts';
import { chainBridges } from './chain.ts';
import { placed, repeated, type Rule, unique, type View } from './rule.ts';

export const flows: Rule = (view) => {
  const all = placed(view);
  const around = { ...view, chains: chainBridges(view) };
  const single = all.map((one) => ({ one, faults: one.steers ? [] : flowFindings(around, one) }));
  const sound = single.filter(({ faults }) => !faults.some(({ path }) => path.includes('match_fields')));
  const steering = Map.groupBy(
    all.filter(({ steers }) => steers),
    ({ target }) => target?.id,
  );
  return unique([
    ...meters(view),
    ...single.flatMap(({ faults }) => faults),
    ...all.flatMap((one) => contested(around, one, steering)),
    ...twins(
      around,
      sound.map(({ one }) => one),
    ),
  ]);
};

/** `chains`: the names of the bridges with a chain. */
type Around = View & { readonly chains: ReadonlySet<string | null> };

/** What is wrong with one flow, whatever others there are. */
function flowFindings(view: Around, one: Placed): readonly Finding[] {
  const known = portsOf(view, one);
  const { flow, body } = one;
  const around = { table: flow.table ?? 10, match: flow.match_fields ?? {}, layers: layersOf(view, one) };
  const faults = actionFaults(flow.actions ?? [], { ...around, meters: metersOf(view, one) });
  return [
    ...matched(one, known),
    ...faults.map(({ path, ...more }) => ({ path: [...body, 'actions', ...path], ...more })),
    ...led(one, known),
  ];
}

/** The names that ports of a bridge go by (of all, for a policy without containers); null when not all can be told. */
function portsOf({ links, portsKnown }: View, { bridge, target, policy }: Placed): readonly string[] | null {
  if (!portsKnown || (bridge === null && policy === null)) return null;
  const own = links
    .filter((link) => bridge === null || link.bridge === bridge || link.bridge === null)
    .flatMap(({ row, device }) => [row, device]);
  const names = [...own, bridge, target?.row ?? null, target?.device ?? null];
  return [...new Set(names.filter((name) => name !== null))];
}

function metersOf({ draft }: View, { bridge }: Placed): readonly string[] | null {
  const found = entries<BridgeDraft>(draft.openflow?.bridges).filter(
    ([, { name }]) => bridge === null || name === bridge,
  );
  const list = found.flatMap(([, { meters: all }]) => all ?? []);
  if (found.some(([, one]) => bad(one, 'meters')) || list.some((one) => one?.name === undefined)) return null;
  return list.map((one) => one?.name ?? '');
}

/** Only IPv4 reaches a flow of a chain, whether it says so or not. */
function layersOf(view: Around, { flow, bridge }: Placed): readonly string[] | null {
  const match = flow.match_fields ?? {};
  if (Object.values(match).includes(undefined)) return null;
  const own = layers(match);
  return own.length === 0 && view.chains.has(bridge) ? ['ip'] : own;
}

function matched(
  { flow: { match_fields: match = {} }, body }: Placed,
  known: readonly string[] | null,
): readonly Finding[] {
  const unknown = Object.keys(match)
    .filter((field) => !fieldNames.includes(field))
    .map((field) => ({
      path: [...body, 'match_fields', field],
      key: true,
      message: `unknown match field ${quote(field)}`,
      ...didYouMean(field, fieldNames),
    }));
  const ports = known ?? [String(match['in_port'])];
  const faults = matchFaults(match, ports).map(({ field, ...rest }) => ({
    path: [...body, 'match_fields', field],
    ...rest,
  }));
  return [...unknown, ...faults];
}

function led({ flow: { actions }, body }: Placed, known: readonly string[] | null): readonly Finding[] {
  return entries<ActionDraft>(actions).flatMap(([index, action]): readonly Finding[] => {
    if (action.type !== 'output' || action.port === undefined || known === null || known.includes(action.port))
      return [];
    const path = [...body, 'actions', index, 'port'];
    if (action.port.includes('{')) return [];
    return [{ path, message: `the bridge has no port ${action.port}`, ...didYouMean(action.port, known) }];
  });
}

function meters({ draft }: View): readonly Finding[] {
  return entries<BridgeDraft>(draft.openflow?.bridges).flatMap(([index, bridge]) =>
    repeated(
      entries(bridge.meters).map(([position, { name }]) => ({
        value: name,
        path: ['openflow', 'bridges', index, 'meters', position, 'name'],
      })),
      (name, first) => `meter ${name} is taken by ${showPath(first)}`,
    ),
  );
}

/**
 * A flow of a container's packets beside the policy that steers them, in the same table and with the same priority:
 * which of two comes first nobody says, and of two with the same match there would be one. A policy that drops on a
 * bridge without a chain has a second flow one above, for the subnet.
 */
function contested(
  { links, chains }: Around,
  { flow, bridge, target, steers, body }: Placed,
  steering: ReadonlyMap<number | undefined, readonly Placed[]>,
): readonly Finding[] {
  if (steers || bridge === null) return [];
  const { table = 10, priority = 1000, match_fields: match = {} } = flow;
  const { in_port: port } = match;
  const id =
    target?.id ?? links.find(({ row, device }) => port !== undefined && [row, device].includes(String(port)))?.id;
  const rival = (id == null ? [] : (steering.get(id) ?? [])).find((other) => {
    const above = other.flow.actions?.[0]?.type === 'drop' && !chains.has(bridge) ? 1 : 0;
    const own = other.flow.priority ?? 1000;
    return (other.flow.table ?? 10) === table && (priority === own || priority === own + above);
  });
  if (rival === undefined) return [];
  const message = `policy ${rival.policy} has priority ${priority} too: expected a higher one to come first`;
  return [{ path: [...body, 'priority'], message }];
}

/** Of two flows in the same place the switch keeps one. Of two policies it is said once, for the first container. */
function twins(view: Around, all: readonly Placed[]): readonly Finding[] {
  const seen = new Map<string, { readonly path: Path; readonly actions: string }>();
  const said = new Set<string>();
  return all.flatMap((one) => {
    const place = identity(view, one);
    if (place === null) return [];
    const actions = actionsOf(view, one);
    const first = seen.get(place);
    if (first === undefined) {
      seen.set(place, { path: one.path, actions });
      return [];
    }
    const where = showPath(first.path);
    const same = first.actions === actions;
    const pair = `${showPath(one.path)} ${where} ${same}`;
    if (said.has(pair)) return [];
    said.add(pair);
    const whose = one.target === null ? '' : ` for container ${one.target.id}`;
    const message = same
      ? `says${whose} what ${where} says: expected one of them`
      : `has${whose} the table, priority and match of ${where}, and other actions: the switch would keep one of them`;
    return [{ path: one.path, message }];
  });
}

/**
 * Its place in the switch, whatever the spelling; null when it can't be told, for a reason that is told elsewhere. On a
 * chain a flow that sends on takes IPv4 alone, though it doesn't say so.
 */
function identity(view: Around, { flow, bridge, target, steers }: Placed): string | null {
  if (bridge === null || ['table', 'priority', 'match_fields'].some((key) => bad(flow, key))) return null;
  const place = [bridge, flow.table ?? 10, flow.priority ?? 1000];
  if (steers) return JSON.stringify([...place, 'steers', target?.id]);
  const match = flow.match_fields ?? {};
  if (Object.values(match).includes(undefined)) return null;
  const sends = flow.actions?.some((action) => action !== undefined && action.type !== 'drop') === true;
  try {
    const implied = sends && layers(match).length === 0 && view.chains.has(bridge);
    const whole = implied ? { ip: '', ...match } : match;
    return JSON.stringify([...place, ...canonicalMatch(showMatch(whole, (name) => device(view, bridge, name)))]);
  } catch (error) {
    if (error instanceof OpError) return null;
    throw error;
  }
}

function actionsOf(view: View, { flow, bridge }: Placed): string {
  const match: Fields = flow.match_fields ?? {};
  return entries<ActionDraft>(flow.actions)
    .map(([, action]) => showAction(action, match, (name) => device(view, bridge ?? '', name)))
    .join(',');
}

function device({ links }: View, bridge: string, name: string): string {
  return name === bridge ? 'LOCAL' : (links.find(({ row }) => row === name)?.device ?? name);
}
