// A bridge's change as ovs-vsctl and ip commands.

import type { Change } from '../../core/resource.ts';
import type { Spec } from './schema.ts';

export function render({ name, before, after }: Change<Spec>): readonly string[] {
  if (after === null) return [`ovs-vsctl del-br ${name}`];
  const set = `set Bridge ${name} fail_mode=secure datapath_type=${after.datapath} other_config:hwaddr=${after.mac} other_config:disable-in-band=true`;
  const bridge =
    before === null
      ? [`ovs-vsctl add-br ${name} -- ${set}`]
      : before.datapath !== after.datapath || before.mac !== after.mac
        ? [`ovs-vsctl ${set}`]
        : [];
  if (before !== null && before.address === after.address) return bridge;
  const removed = before?.address ? [`ip address del ${before.address} dev ${name}`] : [];
  const added = after.address === null ? [] : [`ip address add ${after.address} dev ${name}`, `ip link set ${name} up`];
  return [...bridge, ...removed, ...added];
}
