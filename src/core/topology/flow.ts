// Users' flows in ovs-ofctl's syntax, with ports by their device's name: the alias wg-warp is no OpenFlow name.

import { showMatch } from '../state/match.ts';
import type { ActionState, State } from '../state/schema.ts';
import type { Member, UserFlow } from '../topology.ts';

/** `{match: 'tcp,in_port=internal_100,tp_dst=80', actions: 'output:internal_101'}`; the bridge's own port is LOCAL. */
export function userFlows(state: State, members: readonly Member[]): readonly UserFlow[] {
  return state.openflow.bridges.flatMap(({ name, flows }) => {
    const port = (given: string) => {
      if (given === name) return 'LOCAL';
      const own = members.find(
        (member) => member.bridge === name && (member.port.row === given || member.port.device === given),
      );
      return own?.port.device ?? given;
    };
    return flows.map(({ table, priority, match_fields: match, actions }) => ({
      bridge: name,
      table,
      priority,
      match: showMatch(match, port),
      actions: actions.map((action) => showAction(action, port)).join(','),
    }));
  });
}

function showAction(action: ActionState, port: (name: string) => string): string {
  if (action.type === 'output') return `output:${port(action.port)}`;
  return action.type === 'normal' ? 'NORMAL' : 'drop';
}
