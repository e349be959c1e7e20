// A container's definition, for tests.

import type { Definition } from './contract.ts';

/** A container on ovsbr0, 10.0.0.0/24. */
export function definition(id: number, more: Partial<Definition> = {}): Definition {
  return {
    id,
    template: 'debian-12',
    autostart: true,
    bridge: 'ovsbr0',
    mode: 'socket',
    port: { row: `internal_${id}`, device: `internal_${id}`, ofport: id },
    mac: `02:0a:00:01:00:${id.toString(16)}`,
    address: `10.0.0.${id}/24`,
    gateway: '10.0.0.1',
    sysctl: { 'net.ipv4.ip_forward': '1', 'net.ipv6.conf.all.disable_ipv6': '1' },
    nameservers: ['192.0.2.53'],
    binds: {},
    order: 0,
    ...more,
  };
}
