// Users' flows in ovs-ofctl's syntax, with ports by their device's name: the alias wg-warp is no OpenFlow name.

import { showAction } from '../state/action.ts';
import { type ActionDraft, entries } from '../state/draft.ts';
import { showMatch } from '../state/match.ts';
import type { Placed } from '../state/placed.ts';
import type { Member, UserFlow } from '../topology.ts';

/**
 * `{match: 'tcp,in_port=internal_100,tp_dst=80', actions: 'output:internal_101'}`; the bridge's own port is LOCAL. The
 * bridges' flows come first, in the order of the file; those of policies by container, table, priority and text.
 */
export function userFlows(placed: readonly Placed[], members: readonly Member[]): readonly UserFlow[] {
  const own = placed.filter(({ target }) => target === null).map((one) => userFlow(one, members));
  const given = placed
    .filter(({ target }) => target !== null)
    .map((one) => ({ id: one.target?.id ?? 0, flow: userFlow(one, members) }))
    .toSorted(
      (a, b) =>
        a.id - b.id ||
        a.flow.table - b.flow.table ||
        b.flow.priority - a.flow.priority ||
        (a.flow.match < b.flow.match ? -1 : 1),
    );
  return [...own, ...given.map(({ flow }) => flow)];
}

/** `flow_policies[2] "wireguard-to-warp"`, `bridges[0].flows[3]`. */
export function placeOf({ path, policy }: Placed): string {
  const [, list, index, , position] = path;
  return policy === null ? `${list}[${index}].flows[${position}]` : `${list}[${index}] "${policy}"`;
}

/** The cookie of a container's policies, unless they have their own: 0xbeef and the id. */
function policyCookie(id: number): string {
  return `0x${(0xbeef0000 + id).toString(16)}`;
}

function userFlow(one: Placed, members: readonly Member[]): UserFlow {
  const { bridge, flow, target } = one;
  const match = flow.match_fields ?? {};
  const port = (given: string): string => {
    if (given === bridge) return 'LOCAL';
    const own = members.find(
      (member) => member.bridge === bridge && (member.port.row === given || member.port.device === given),
    );
    return own?.port.device ?? given;
  };
  return {
    bridge: bridge ?? '',
    table: flow.table ?? 10,
    priority: flow.priority ?? 1000,
    match: showMatch(match, port),
    actions: entries<ActionDraft>(flow.actions)
      .map(([, action]) => showAction(action, match, port))
      .join(','),
    place: placeOf(one),
    cookie: flow.cookie?.toLowerCase() ?? (target === null ? null : policyCookie(target.id)),
    idleTimeout: flow.idle_timeout ?? null,
    hardTimeout: flow.hard_timeout ?? null,
  };
}
