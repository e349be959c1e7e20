// What a state file needs of the machine.

import { links } from '../../core/state/link.ts';
import { pads } from '../../core/topology/padding.ts';
import type { State } from '../../core/state/schema.ts';
import type { Need } from './finding.ts';

export function needs(state: State): ReadonlySet<Need> {
  const { containers } = state.lxc;
  const { bridges, obfuscation_level: level, enable_security_flows: security } = state.openflow;
  const tunnels = containers.some(({ config }) => Object.keys(config).some((name) => name.startsWith('wg')));
  const limited = bridges.some(({ meters }) => meters.length > 0) || (bridges.length > 0 && security && level >= 1);
  const units = Object.keys(state.systemd.units).length > 0;
  const found: Readonly<Record<Need, boolean>> = {
    switch: bridges.length > 0,
    meters: limited,
    containers: containers.length > 0,
    veth: links(state).some(({ mode }) => mode === 'veth'),
    filter: bridges.length > 0 || containers.length > 0,
    tunnels,
    padding: pads(state),
    shaping: containers.some(({ config }) => config.xray?.shaper !== undefined),
    bus: units || state.dbus.objects.length > 0,
    systemd: units,
  };
  return new Set((Object.keys(found) as Need[]).filter((need) => found[need]));
}
