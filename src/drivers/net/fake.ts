// A network in memory: links with addresses, an uplink, sysctls.

import { OpError } from '../../error.ts';
import { noticed, watchers } from '../watch.fake.ts';
import type { Link, Net } from './contract.ts';

/** The tables behind the fake; tests and other fakes put links and sysctls into them. */
export type FakeNet = Net & {
  readonly table: Map<string, Link>;
  readonly sysctls: Map<string, string>;
  /** `udp 51820` for each port whose connections were ended, in order. */
  readonly forgotten: string[];
};

export function fakeNet(links: readonly Link[] = [], uplink: string | null = null): FakeNet {
  const { watch, tell } = watchers();
  const table = noticed(new Map(links.map((link) => [link.name, link])), tell);
  const forgotten: string[] = [];
  const initial = new Map([
    ['net.ipv4.ip_forward', '0'],
    ['net.ipv4.conf.all.forwarding', '0'],
  ]);
  const sysctls = noticed(initial, tell);
  const change = (device: string, how: (link: Link) => Link): void => {
    const link = table.get(device);
    if (link === undefined) throw new OpError('host', `Cannot find device "${device}"`);
    table.set(device, how(link));
  };
  return {
    table,
    sysctls,
    forgotten,
    watch,
    forget: async (protocol, port) => void forgotten.push(`${protocol} ${port}`),
    links: async () => [...table.values()],
    up: async (device) => change(device, (link) => ({ ...link, up: true })),
    addAddress: async (device, address) =>
      change(device, (link) => ({ ...link, addresses: [...new Set([...link.addresses, address])] })),
    removeAddress: async (device, address) =>
      change(device, (link) => ({ ...link, addresses: link.addresses.filter((other) => other !== address) })),
    uplink: async () => uplink,
    sysctl: async (key) => sysctls.get(checked(key)) ?? null,
    setSysctl: async (key, value) => {
      if (!sysctls.has(checked(key))) throw new OpError('host', `${key}: no such sysctl`);
      sysctls.set(key, value);
    },
  };
}

function checked(key: string): string {
  if (/^[\w/:@-]+(\.[\w/:@-]+)*$/.test(key) && !key.includes('//')) return key;
  throw new OpError('internal', `${key}: not a sysctl key`);
}
