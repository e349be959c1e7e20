// A container's change as lxc commands.

import type { Change } from '../../core/resource.ts';
import { changed, reattaches, restarts } from './apply.ts';
import type { Spec } from './schema.ts';

export function render({ name, before, after }: Change<Spec>): readonly string[] {
  const start = `lxc-start -n ${name}`;
  const stop = `lxc-stop -n ${name}`;
  if (after === null) return [...(before?.running ? [stop] : []), `lxc-destroy -n ${name}`];
  if (before === null) {
    const address = `${after.port.device} ${after.address} via ${after.gateway}`;
    return [
      `lxc-create -n ${name} -t ${after.template}  # id ${after.id}, ${address}`,
      ...(after.running ? [start] : []),
    ];
  }
  const again = before.running && after.running && restarts(before, after);
  return [
    ...(before.running && (again || !after.running) ? [stop] : []),
    ...(changed(before, after) ? [`tee /var/lib/lxc/${name}/config  # ${differing(before, after)}`] : []),
    ...(after.running && (again || !before.running) ? [start] : []),
    ...(reattaches(before, after) ? [`/var/lib/op-dbus/hook ${name} lxc attach`] : []),
  ];
}

function differing(before: Spec, after: Spec): string {
  return (Object.keys(after) as (keyof Spec)[])
    .filter(
      (key) => key !== 'running' && key !== 'attached' && JSON.stringify(before[key]) !== JSON.stringify(after[key]),
    )
    .map((key) => `${key}: ${JSON.stringify(after[key])}`)
    .join(', ');
}
