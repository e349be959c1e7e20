// A bridge's flows as ovs-ofctl commands, one for each flow that differs. Without -O the switch would be given other actions.

import type { Change } from '../../core/resource.ts';
import { printFlow, strict } from '../../drivers/openflow/text.ts';
import { delta } from './apply.ts';
import type { Spec } from './schema.ts';

export function render(change: Change<Spec>): readonly string[] {
  const { add, remove } = delta(change);
  return [
    ...remove.map((flow) => `ovs-ofctl -O OpenFlow14 --strict del-flows ${change.name} "${strict(flow)}"`),
    ...add.map((flow) => `ovs-ofctl -O OpenFlow14 add-flow ${change.name} "${printFlow(flow)}"`),
  ];
}
