// A container's change as commands of the backend that it is made by.

import type { Change } from '../../core/resource.ts';
import { changed, reattaches, restarts } from './apply.ts';
import type { Spec } from './schema.ts';

export function render({ name, before, after }: Change<Spec>): readonly string[] {
  const spec = after ?? before;
  if (spec === null) return [];
  if (spec.made === 'adopted') return adopted(name, before, after);
  const { create, start, stop, destroy, set } = commands(name, spec);
  if (after === null) return [...(before?.running ? [stop] : []), destroy];
  if (before === null) {
    const address = `${after.port.device} ${after.address} via ${after.gateway}`;
    return [`${create}  # id ${after.id}, ${address}`, ...(after.running ? [start] : [])];
  }
  const again = before.running && after.running && restarts(before, after);
  return [
    ...(before.running && (again || !after.running) ? [stop] : []),
    ...(changed(before, after) ? [`${set}  # ${differing(before, after)}`] : []),
    ...(after.running && (again || !before.running) ? [start] : []),
    ...(reattaches(before, after) ? [attach(name)] : []),
  ];
}

/** Somebody else's: nothing of it but its links. */
function adopted(name: string, before: Spec | null, after: Spec | null): readonly string[] {
  if (after === null) return [`pct set ${before?.id}  # give back ${before?.id} ${name}: the networking that it had`];
  const { id, mode, bridge, mac, address, gateway } = after;
  const veth = `--net0 name=eth0,bridge=${bridge},firewall=0,gw=${gateway},hwaddr=${mac.toUpperCase()},ip=${address}`;
  const set = `pct set ${id} ${mode === 'veth' ? veth : '--delete net0'}`;
  if (before === null) return [`${set}  # adopt ${id} ${name}: networking only`];
  return [
    ...(changed(before, after) ? [`${set}  # ${differing(before, after)}`] : []),
    ...(reattaches(before, after) ? [attach(name)] : []),
  ];
}

type Commands = Readonly<Record<'create' | 'start' | 'stop' | 'destroy' | 'set', string>>;

function commands(name: string, { id, made, template }: Spec): Commands {
  if (made === 'pct')
    return {
      create: `pct create ${id} ${template} --hostname ${name} --unprivileged 1`,
      start: `pct start ${id}`,
      stop: `pct shutdown ${id}`,
      destroy: `pct destroy ${id}`,
      set: `pct set ${id}`,
    };
  return {
    create: `lxc-create -n ${name} -t ${template}`,
    start: `lxc-start -n ${name}`,
    stop: `lxc-stop -n ${name}`,
    destroy: `lxc-destroy -n ${name}`,
    set: `tee /var/lib/lxc/${name}/config`,
  };
}

function attach(name: string): string {
  return `/var/lib/op-dbus/hook ${name} lxc attach`;
}

function differing(before: Spec, after: Spec): string {
  return (Object.keys(after) as (keyof Spec)[])
    .filter(
      (key) => key !== 'running' && key !== 'attached' && JSON.stringify(before[key]) !== JSON.stringify(after[key]),
    )
    .map((key) => `${key}: ${JSON.stringify(after[key])}`)
    .join(', ');
}
