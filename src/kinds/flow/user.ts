// The state file's own flows: behind admission, and on a chain with the MAC, the pair and the mark of a policy.

import { canonicalMatch } from '../../core/state/canonical.ts';
import type { Member, UserFlow } from '../../core/topology.ts';
import { OpError } from '../../error.ts';
import { named } from './limit.ts';
import { commit } from './mark.ts';
import { deliver, type Pair, party, type Rule, rule, type Scene, steerings } from './scene.ts';

/** A flow of the file as it stands in a chain. `pair` is null when it opens nothing: it drops, or goes on in a later table. */
type ChainFlow = { readonly flow: UserFlow; readonly rule: Rule; readonly pair: Pair | null };

/**
 * On a chain: a flow drops, goes on in a later table, or sends one member's transit to one party, as a policy would. It
 * comes after admission, conntrack and the source pin, so a spoofed packet never reaches it. It may send past an egress
 * pin: that is the file's word. @throws OpError `state` for a flow
 * that would open for every member at once, or that can't be on a chain.
 */
export function chainFlows(scene: Scene): readonly ChainFlow[] {
  const found = known.get(scene) ?? scene.flows.map((flow, index) => chainFlow(scene, flow, index));
  known.set(scene, found);
  return found;
}

/** Every table of a scene asks for them, and a file may have thousands. */
const known = new WeakMap<Scene, readonly ChainFlow[]>();

function chainFlow(scene: Scene, flow: UserFlow, index: number): ChainFlow {
  const words = actionsOf(scene, flow);
  const last = words.at(-1) ?? '';
  const before = words.slice(0, -1);
  if (words.length === 1 && last === 'drop')
    return { flow, rule: ruleOf(flow, index, canonical(scene, flow, flow.match), words), pair: null };
  const match = canonical(scene, flow, ipv4(flow));
  const strange = before.find((word) => !harmless.test(word)) ?? (/^(drop|CONTROLLER.*)$/.test(last) ? last : null);
  if (strange !== null)
    throw refused(flow, 'does not send to one container or the host', `A chain knows one next hop, not ${strange}.`);
  if (last.startsWith('resubmit(')) return { flow, rule: ruleOf(flow, index, match, words), pair: null };
  const initiator = scene.members.find(({ port }) => match.includes(`in_port=${port.device}`));
  if (initiator === undefined)
    throw refused(flow, 'names no container as in_port', 'On a bridge with a chain a flow that sends on needs one.');
  const rival = steerings(initiator).find(({ table, priority }) => table === flow.table && priority === flow.priority);
  if (rival !== undefined)
    throw refused(flow, `has the priority of policy ${rival.name}`, 'Give it a higher one to come first.');
  const responder = target(scene, last);
  if (responder === null)
    throw refused(flow, 'does not send to one container or the host', 'A chain knows one next hop for each packet.');
  const pair = { initiator: party(initiator), responder };
  return { flow, rule: ruleOf(flow, index, match, [...before, commit(pair), ...deliver(responder)]), pair };
}

/** Without a chain: as the file has them. */
export function plainFlows(scene: Scene, number: number): readonly Rule[] {
  return scene.flows.flatMap((flow, index) =>
    flow.table === number ? [ruleOf(flow, index, canonical(scene, flow, flow.match), actionsOf(scene, flow))] : [],
  );
}

/** The tables in which a flow's packets go on. @throws OpError `state` when one isn't later. */
export function laterTables(flow: UserFlow): readonly number[] {
  const tables = [...flow.actions.matchAll(/\b(?:resubmit\(,|table=)(\d+)/g)].map(([, number]) => Number(number));
  if (tables.some((number) => number <= flow.table))
    throw refused(flow, 'leads back', 'Tables go on to higher ones only.');
  return tables;
}

/** Above the ids that containers commonly have. A cookie tells whose a flow is, and need not be the only one. */
const COOKIE = 0xbeef8000;

/** What a chain bears before the next hop: nothing by which it knows whose a packet is. */
const harmless =
  /^(meter:|load:|CONTROLLER|set_field:[^>]*->(nw_tos|ip_dscp|nw_ecn|nw_ttl|(tcp|udp|sctp)_(src|dst)|reg\d+)$)/;

/** Timeouts stand in front of the match, where the switch's printed flow has them. */
function ruleOf(flow: UserFlow, index: number, match: readonly string[], actions: readonly string[]): Rule {
  const { idleTimeout: idle, hardTimeout: hard, cookie, priority } = flow;
  const timeouts = [
    ...(idle === null ? [] : [`idle_timeout=${idle}`]),
    ...(hard === null ? [] : [`hard_timeout=${hard}`]),
  ];
  const made = rule(cookie === null ? COOKIE + index : Number(cookie), priority, [...timeouts, ...match], actions);
  return { ...made, why: flow.place };
}

function canonical(scene: Scene, flow: UserFlow, match: string): readonly string[] {
  return canonicalMatch(match).map((word) =>
    word.startsWith('in_port=') ? `in_port=${device(scene, word.slice('in_port='.length))}` : word,
  );
}

function actionsOf(scene: Scene, flow: UserFlow): readonly string[] {
  return split(flow.actions).map((action) => {
    if (/^(drop|normal)$/i.test(action)) return action.toLowerCase() === 'drop' ? 'drop' : 'NORMAL';
    if (action.startsWith('meter:')) return named(scene, action.slice('meter:'.length));
    if (/^(set_field|load|CONTROLLER):|^(resubmit|ct)\(/.test(action)) return action;
    const port = /^output:(.+)$/.exec(action)?.[1] ?? (action === 'LOCAL' ? action : undefined);
    if (port === undefined)
      throw refused(flow, `has the action ${action}`, 'See docs/state.md for the actions there are.');
    const name = device(scene, port);
    return name === 'LOCAL' ? name : `output:${name}`;
  });
}

/** At the commas outside parentheses. */
function split(actions: string): readonly string[] {
  return actions.match(/(?:\((?:[^()]|\([^()]*\))*\)|[^,(])+/g) ?? [];
}

/** The device behind a name of the file: a port's row (`wg-warp`), a device, or the bridge itself. */
function device({ bridge, members }: Scene, name: string): string {
  if (name === bridge.name) return 'LOCAL';
  return members.find(({ port }) => port.row === name)?.port.device ?? name;
}

/** NORMAL on a chain means "to the host": nothing is learned or flooded there. */
function target(scene: Scene, action: string): Pair['responder'] | null {
  if (action === 'NORMAL' || action === 'LOCAL') return scene.host;
  const found: Member | undefined = scene.members.find(({ port }) => action === `output:${port.device}`);
  return found === undefined ? null : party(found);
}

/** A commit needs to know that the packet is IPv4; nothing else reaches the table. */
function ipv4(flow: UserFlow): string {
  const words = canonicalMatch(flow.match);
  const kind = words.find((word) => !word.includes('=') || word.startsWith('dl_type='));
  if (kind === undefined) return `ip,${flow.match}`;
  if (/^(ip|icmp|tcp|udp|sctp)$/.test(kind)) return flow.match;
  throw refused(flow, `matches ${kind}`, 'Only IPv4 passes a bridge with a chain.');
}

function refused({ bridge, match, actions, place }: UserFlow, what: string, hint: string): OpError {
  return new OpError('state', `the flow "${match} actions=${actions}" of ${bridge} ${what}`, { at: place, hint });
}
