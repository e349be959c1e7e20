// The state file's own flows: behind admission, and on a chain with the MAC, the pair and the mark of a policy.

import { canonicalMatch } from '../../core/state/canonical.ts';
import type { Member, UserFlow } from '../../core/topology.ts';
import { OpError } from '../../error.ts';
import { commit } from './mark.ts';
import { deliver, type Pair, party, type Rule, rule, type Scene } from './scene.ts';

/** A flow of the file as it stands in a chain. `pair` is null when it drops. */
type ChainFlow = { readonly flow: UserFlow; readonly rule: Rule; readonly pair: Pair | null };

/**
 * On a chain: a flow drops, or sends one member's transit to one party, as a policy would. It comes after admission,
 * conntrack and the source pin, so a spoofed packet never reaches it. It may send past an egress pin: that is the file's
 * word. @throws OpError `state` for a flow that would open for every member at once, or that can't be on a chain.
 */
export function chainFlows(scene: Scene): readonly ChainFlow[] {
  return scene.flows.map((flow, index) => {
    const match = matchOf(scene, flow);
    const words = actionsOf(scene, flow);
    const cookie = COOKIE + index;
    if (words.length === 1 && words[0] === 'drop')
      return { flow, rule: rule(cookie, flow.priority, match, words), pair: null };
    const initiator = scene.members.find(({ port }) => match.includes(`in_port=${port.device}`));
    if (initiator === undefined)
      throw refused(flow, 'names no container as in_port', 'On a bridge with a chain a flow that sends on needs one.');
    if (initiator.policy?.table === flow.table && initiator.policy.priority === flow.priority)
      throw refused(flow, `has the priority of policy ${initiator.policy.name}`, 'Give it a higher one to come first.');
    const responder = words.length === 1 ? target(scene, words[0] ?? '') : null;
    if (responder === null)
      throw refused(flow, 'does not send to one container or the host', 'A chain knows one next hop for each packet.');
    const pair = { initiator: party(initiator), responder };
    return { flow, rule: rule(cookie, flow.priority, ipv4(flow, match), [commit(pair), ...deliver(responder)]), pair };
  });
}

/** Without a chain: as the file has them. */
export function plainFlows(scene: Scene, number: number): readonly Rule[] {
  return scene.flows.flatMap((flow, index) =>
    flow.table === number ? [rule(COOKIE + index, flow.priority, matchOf(scene, flow), actionsOf(scene, flow))] : [],
  );
}

/** Above the ids that containers commonly have. A cookie tells whose a flow is, and need not be the only one. */
const COOKIE = 0xbeef8000;

function matchOf(scene: Scene, flow: UserFlow): readonly string[] {
  return canonicalMatch(flow.match).map((word) =>
    word.startsWith('in_port=') ? `in_port=${device(scene, word.slice('in_port='.length))}` : word,
  );
}

function actionsOf(scene: Scene, flow: UserFlow): readonly string[] {
  return flow.actions.split(',').map((action) => {
    if (/^(drop|normal)$/i.test(action)) return action.toLowerCase() === 'drop' ? 'drop' : 'NORMAL';
    const port = /^output:(.+)$/.exec(action)?.[1] ?? (action === 'LOCAL' ? action : undefined);
    if (port === undefined) throw refused(flow, `has the action ${action}`, 'Actions are output, normal and drop.');
    const name = device(scene, port);
    return name === 'LOCAL' ? name : `output:${name}`;
  });
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
function ipv4(flow: UserFlow, match: readonly string[]): readonly string[] {
  const kind = match[0] ?? '';
  if (/^(ip|icmp|tcp|udp|sctp)$/.test(kind)) return match;
  if (kind.includes('=')) return ['ip', ...match];
  throw refused(flow, `matches ${kind}`, 'Only IPv4 passes a bridge with a chain.');
}

function refused({ bridge, match, actions }: UserFlow, what: string, hint: string): OpError {
  return new OpError('state', `the flow "${match} actions=${actions}" of ${bridge} ${what}`, { hint });
}
