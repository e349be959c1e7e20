// The machine that this kind's tests and samples are on.

import type { Facts } from '../../core/topology.ts';

export const facts: Facts = {
  uplink: 'eth0',
  datapath: 'netdev',
  forwards: false,
  backend: 'lxc',
  strangers: [],
  nameservers: ['192.168.1.53', '9.9.9.9'],
  netmaker: null,
  proxy: { program: 'v2ray' },
  shaper: null,
  files: {},
};
