// What three machines answer: a bare Debian, a Proxmox host that is in use, and an LXC container.

import type { Answer, Facts } from './fact.ts';

type Values = { readonly [K in keyof Facts]: Facts[K] extends Answer<infer T> ? T : never };

const loadable = (detail: string) => ({ result: 'loadable', detail }) as const;
const tried = { result: 'works', detail: '' } as const;
const refused = { result: 'fails', detail: 'Operation not permitted' } as const;

/** Debian 12 as it is installed, with nothing of what op-dbus uses. */
export const debian: Values = {
  container: null,
  kernel: '6.1.0-18-amd64',
  modules: {
    openvswitch: 'loadable',
    wireguard: 'loadable',
    nf_conntrack: 'loadable',
    tun: 'loadable',
    veth: 'loadable',
  },
  tun: loadable('tun'),
  veth: loadable('veth'),
  wireguard: loadable('wireguard'),
  clsact: loadable('sch_ingress, cls_bpf'),
  nftables: loadable('nf_tables'),
  switchInstalled: null,
  switchRunning: null,
  datapathTypes: null,
  upcalls: null,
  meters: null,
  lxc: null,
  template: false,
  templateBuilder: null,
  userIds: { map: '         0          0 4294967295\n', users: '', groups: '', namespaces: 15_000 },
  cgroups: { controllers: ['cpuset', 'cpu', 'io', 'memory', 'pids'], delegated: ['cpu', 'memory', 'pids'] },
  inotify: 128,
  cgroupsWritable: true,
  apparmor: { enabled: true, reachable: true, parser: '3.0.8' },
  nft: null,
  forwarding: '0',
  forwardingWritable: true,
  reversePath: '0',
  init: 'systemd',
  systemd: '252',
  bus: null,
  proxmox: { pct: null, version: null },
  missing: ['conntrack', 'nft'],
  disk: 40e9,
  clock: true,
  wg: null,
  wireguardGo: null,
  xray: null,
  v2ray: null,
  shaping: null,
  wgcf: null,
  netclient: null,
  change: { journal: null, pending: null, unreadable: null, held: false },
  boot: { shut: false, installed: false },
  settings: { folder: '/etc/op-dbus', mode: null, exposed: [] },
  records: { folder: '/var/lib/op-dbus', mode: null, exposed: [] },
};

export const proxmox: Values = {
  ...debian,
  kernel: '6.8.12-4-pve',
  modules: { openvswitch: 'loaded', wireguard: 'loadable', nf_conntrack: 'loaded', tun: 'loaded', veth: 'loaded' },
  tun: tried,
  veth: tried,
  clsact: tried,
  nftables: tried,
  switchInstalled: '3.1.0-2+deb12u1',
  switchRunning: '3.1.0',
  datapathTypes: ['netdev', 'system'],
  upcalls: [{ datapath: 'system@ovs-system', missed: 812, lost: 3 }],
  meters: { bridge: 'vmbr1', limit: 200_000 },
  lxc: '6.0.0',
  template: true,
  templateBuilder: '/usr/bin/mmdebstrap',
  userIds: { ...debian.userIds, users: 'root:100000:65536\n', groups: 'root:100000:65536\n' },
  nft: '1.0.6',
  forwarding: '1',
  proxmox: { pct: '/usr/sbin/pct', version: '8.2.4' },
  missing: [],
  xray: '26.7.11',
  shaping: '/usr/local/bin/op-dbus-shaper',
  boot: { shut: false, installed: true },
  settings: { folder: '/etc/op-dbus', mode: 0o700, exposed: [] },
  records: { folder: '/var/lib/op-dbus', mode: 0o700, exposed: [] },
};

/** An unprivileged container with everything installed and little allowed. */
export const container: Values = {
  ...proxmox,
  container: 'lxc',
  modules: { openvswitch: 'absent', wireguard: 'absent', nf_conntrack: 'loaded', tun: 'absent', veth: 'loaded' },
  tun: refused,
  wireguard: { result: 'untried', detail: 'wireguard' },
  clsact: { result: 'untried', detail: 'sch_ingress, cls_bpf' },
  switchRunning: null,
  datapathTypes: null,
  upcalls: null,
  meters: null,
  userIds: { ...debian.userIds, map: '         0     100000      65536\n' },
  cgroupsWritable: false,
  apparmor: { enabled: true, reachable: false, parser: null },
  forwarding: '0',
  forwardingWritable: false,
  proxmox: { pct: null, version: null },
  clock: null,
};

/** The facts of a machine that answers all, with what differs. */
export function answered(machine: Values, changes: Partial<Values> = {}): Facts {
  const values = { ...machine, ...changes };
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, { value }])) as unknown as Facts;
}
