// A port's change as an ovs-vsctl command.

import type { Change } from '../../core/resource.ts';
import type { Spec } from './schema.ts';

export function render({ name, before, after }: Change<Spec>): readonly string[] {
  if (after === null) return [`ovs-vsctl del-port ${before?.bridge} ${before?.row}`];
  const columns = [
    ...(after.type === 'internal' ? ['type=internal'] : []),
    ...(after.mac === null ? [] : [`mac=\\"${after.mac}\\"`]),
    `ofport_request=${after.ofport}`,
  ].join(' ');
  if (before !== null) return [`ovs-vsctl set Interface ${name} ${columns}`];
  if (after.row === name) return [`ovs-vsctl add-port ${after.bridge} ${name} -- set Interface ${name} ${columns}`];
  return [
    `ovs-vsctl -- --id=@i create Interface name=${name} ${columns} -- --id=@p create Port name=${after.row} interfaces=@i -- add Bridge ${after.bridge} ports @p`,
  ];
}
