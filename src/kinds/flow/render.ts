// A bridge's flows as ovs-ofctl commands, one for each flow that differs. Without -O the switch would be given other actions.

import type { Change } from '../../core/resource.ts';
import { printFlow, printMeter, strict } from '../../drivers/openflow/text.ts';
import { delta } from './apply.ts';
import type { Spec } from './schema.ts';

export function render(change: Change<Spec>): readonly string[] {
  const { add, remove, put, drop } = delta(change);
  const there = new Set((change.before?.meters ?? []).map((line) => line.split(',')[0]));
  const verb = (meter: string): string => (there.has(meter.split(',')[0]) ? 'mod-meter' : 'add-meter');
  return [
    ...put.map(printMeter).map((meter) => `ovs-ofctl -O OpenFlow14 ${verb(meter)} ${change.name} ${meter}`),
    ...remove.map((flow) => `ovs-ofctl -O OpenFlow14 --strict del-flows ${change.name} "${strict(flow)}"`),
    ...add.map((flow) => `ovs-ofctl -O OpenFlow14 add-flow ${change.name} "${printFlow(flow)}"`),
    ...drop.map((id) => `ovs-ofctl -O OpenFlow14 del-meter ${change.name} meter=${id}`),
  ];
}
