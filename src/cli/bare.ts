// A machine on which nothing was ever applied, and which may not even have an Open vSwitch to ask.

import { existsSync } from 'node:fs';

/** Whether there can be nothing of ours: no folder of ours, which `apply` makes first, and no switch that could hold more. */
export function isBare(): boolean {
  return !existsSync('/var/lib/op-dbus') && !existsSync('/run/openvswitch/db.sock');
}
