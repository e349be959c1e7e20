// The table of contents: every line that `op-dbus doctor` prints, by group, in order.

import type { Line } from './finding.ts';
import { appArmor, cgroups, inotify, lxc, template, userIds } from './judge/container.ts';
import { conntrack, openvswitch, tun, veth, wireguard } from './judge/kernel.ts';
import { forwarding, nftables, reversePath } from './judge/network.ts';
import { atBoot, interrupted, modes } from './judge/own.ts';
import { netclient, padding, proxy, shaping, wgcf, wireguardGo, wireguardTools } from './judge/privacy.ts';
import { installed, meters, running, upcalls } from './judge/switch.ts';
import { bus, clock, disk, init, node, programs, proxmox } from './judge/system.ts';

export const groups: Readonly<Record<string, readonly Line[]>> = {
  Kernel: [
    { name: 'openvswitch', need: 'switch', judge: openvswitch },
    { name: 'wireguard', need: 'tunnels', judge: wireguard },
    { name: 'nf_conntrack', need: 'filter', judge: conntrack },
    { name: 'tun', judge: tun },
    { name: 'veth', need: 'veth', judge: veth },
  ],
  'Open vSwitch': [
    { name: 'installed', need: 'switch', judge: installed },
    { name: 'running', need: 'switch', judge: running },
    { name: 'packets taken', need: 'switch', judge: upcalls },
    { name: 'meters', need: 'meters', judge: meters },
  ],
  Containers: [
    { name: 'LXC', need: 'containers', judge: lxc },
    { name: 'template', need: 'containers', judge: template },
    { name: 'user ids', need: 'containers', judge: userIds },
    { name: 'cgroups', need: 'containers', judge: cgroups },
    { name: 'inotify', need: 'containers', judge: inotify },
    { name: 'AppArmor', judge: appArmor },
  ],
  Network: [
    { name: 'nftables', need: 'filter', judge: nftables },
    { name: 'ip_forward', need: 'switch', judge: forwarding },
    { name: 'rp_filter', judge: reversePath },
  ],
  Privacy: [
    { name: 'padding', need: 'padding', judge: padding },
    { name: 'wireguard-tools', judge: wireguardTools },
    { name: 'wireguard-go', judge: wireguardGo },
    { name: 'proxy', judge: proxy },
    { name: 'shaping', need: 'shaping', judge: shaping },
    { name: 'wgcf', judge: wgcf },
    { name: 'netclient', judge: netclient },
  ],
  System: [
    { name: 'init', need: 'systemd', judge: init },
    { name: 'D-Bus', need: 'bus', judge: bus },
    { name: 'Proxmox', judge: proxmox },
    { name: 'programs', need: 'filter', judge: programs },
    { name: 'node', judge: node },
    { name: 'disk', need: 'containers', judge: disk },
    { name: 'clock', judge: clock },
  ],
  'op-dbus': [
    { name: 'last change', judge: interrupted },
    { name: 'boot', judge: atBoot },
    { name: '/etc/op-dbus', judge: ({ settings }) => modes(settings) },
    { name: '/var/lib/op-dbus', judge: ({ records }) => modes(records) },
  ],
};
