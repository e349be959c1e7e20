// A network in memory: links with addresses, an uplink, routing rules, sysctls.

import { OpError } from '../../error.ts';
import { noticed, watchers } from '../watch.fake.ts';
import type { Family, Link, Net, Rule } from './contract.ts';

/** The tables behind the fake; tests and other fakes put links, rules and sysctls into them. */
export type FakeNet = Net & {
  readonly table: Map<string, Link>;
  readonly sysctls: Map<string, string>;
  /** A family that is not in it is not in the kernel. */
  readonly families: Map<Family, readonly Rule[]>;
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
    ['net.ipv4.conf.all.src_valid_mark', '0'],
  ]);
  const rules = new Map<Family, readonly Rule[]>([
    [4, kernels],
    [6, kernels.slice(0, 2)],
  ]);
  const families = noticed(rules, tell);
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
    families,
    rules: async (family) => families.get(family) ?? null,
    addRule: async (family, text) => {
      const found = rulesOf(families, family);
      const rule = { ours: true, text };
      if (found.some((one) => one.ours && one.text === text)) return;
      families.set(
        family,
        [...found, rule].toSorted((a, b) => priority(a) - priority(b)),
      );
    },
    removeRule: async (family, text) => {
      const found = rulesOf(families, family);
      families.set(
        family,
        found.filter((one) => !one.ours || one.text !== text),
      );
    },
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

/** Those that every kernel begins with. */
const kernels: readonly Rule[] = [
  'priority 0 lookup local',
  'priority 32766 lookup main',
  'priority 32767 lookup default',
].map((text) => ({ ours: false, text }));

function rulesOf(families: ReadonlyMap<Family, readonly Rule[]>, family: Family): readonly Rule[] {
  const found = families.get(family);
  if (found === undefined) throw new OpError('host', 'RTNETLINK answers: Address family not supported by protocol');
  return found;
}

function priority({ text }: Rule): number {
  const found = /^priority (\d+) \S/.exec(text)?.[1];
  if (found === undefined) throw new OpError('host', `ip rule: ${text}`);
  return Number(found);
}

function checked(key: string): string {
  if (/^[\w/:@-]+(\.[\w/:@-]+)*$/.test(key) && !key.includes('//')) return key;
  throw new OpError('internal', `${key}: not a sysctl key`);
}
