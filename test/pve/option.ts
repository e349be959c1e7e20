// What a container's configuration may hold, as pct create and pct set take it (pct(1), pve-container PVE::LXC::Config). Pure.

import { isIPv4, isIPv6 } from 'node:net';
import type { Rule } from './schema.ts';

const optional = (rule: Rule): Rule => ({ ...rule, optional: true });
const string: Rule = { type: 'string' };
const boolean: Rule = { type: 'boolean' };
const integer = (minimum: number, maximum?: number): Rule => ({
  type: 'integer',
  minimum,
  ...(maximum === undefined ? {} : { maximum }),
});
const format = (what: string, is: (value: string) => boolean): Rule => ({
  type: 'string',
  format: (value) => (is(value) ? null : `value does not look like a valid ${what}`),
});
const oneOf = (...values: string[]): Rule => ({ type: 'string', enum: values });

const label = '[a-zA-Z0-9]([a-zA-Z0-9-]*[a-zA-Z0-9])?';
const dnsName = format('DNS name', (value) => new RegExp(`^${label}(\\.${label})*$`).test(value));
const mac = format('unicast MAC address', (value) => /^[a-f0-9][02468ace](:[a-f0-9]{2}){5}$/i.test(value));
const network = (is: (value: string) => boolean, bits: number) => (value: string) => {
  const [, address = '', length = ''] = /^(.+)\/(\d+)$/.exec(value) ?? [];
  return is(address) && Number(length) <= bits;
};
const cidr4 = network(isIPv4, 32);
const cidr6 = network(isIPv6, 128);
const ipv4 = format('ipv4 network configuration', (value) => /^(dhcp|manual)$/.test(value) || cidr4(value));
const ipv6 = format('ipv6 network configuration', (value) => /^(auto|dhcp|manual)$/.test(value) || cidr6(value));

/** `STORAGE:…`, or an absolute path, which only root may give. */
const volume: Rule = { type: 'string', pattern: /^(\/|[a-zA-Z][\w.-]*:|[\w.-]+:?\d)/ };
const size: Rule = { type: 'string', pattern: /^\d+(\.\d+)?[KMGT]?$/ };

const mountPoint = (more: Readonly<Record<string, Rule>>): Rule => ({
  type: 'string',
  defaultKey: 'volume',
  properties: {
    volume,
    size: optional(size),
    acl: optional(boolean),
    mountoptions: optional(string),
    quota: optional(boolean),
    replicate: optional(boolean),
    ro: optional(boolean),
    shared: optional(boolean),
    ...more,
  },
});

export const net: Rule = {
  type: 'string',
  properties: {
    name: { type: 'string', pattern: /^[-_.\w\d]+$/ },
    bridge: optional({ type: 'string', pattern: /^[-_.\w\d]+$/ }),
    firewall: optional(boolean),
    gw: optional(format('ipv4 address', isIPv4)),
    gw6: optional(format('ipv6 address', isIPv6)),
    hwaddr: optional(mac),
    ip: optional(ipv4),
    ip6: optional(ipv6),
    link_down: optional(boolean),
    mtu: optional(integer(64, 65_535)),
    rate: optional({ type: 'number' }),
    tag: optional(integer(1, 4094)),
    trunks: optional({ type: 'string', pattern: /^\d+(-\d+)?(;\d+(-\d+)?)*$/ }),
    type: optional(oneOf('veth')),
  },
};

export const rootfs = mountPoint({});
export const device: Rule = {
  type: 'string',
  defaultKey: 'path',
  properties: {
    path: optional({ type: 'string', pattern: /^\/dev\/(?!.*\.\.).+/ }),
    mode: optional({ type: 'string', pattern: /^0[0-7]{3}$/ }),
    uid: optional(integer(0)),
    gid: optional(integer(0)),
    'deny-write': optional(boolean),
  },
};
export const mount = mountPoint({ mp: { type: 'string', pattern: /^\/(?!.*\.\.).*/ }, backup: optional(boolean) });

/** Each with the number of them that there may be. */
const numbered: Readonly<Record<string, readonly [number, Rule]>> = {
  net: [32, net],
  mp: [256, mount],
  dev: [256, device],
  unused: [256, { type: 'string', defaultKey: 'volume', properties: { volume } }],
};

const LOCKS = 'backup create destroyed disk fstrim migrate mounted rollback snapshot snapshot-delete'.split(' ');

const single: Readonly<Record<string, Rule>> = {
  arch: oneOf('amd64', 'i386', 'arm64', 'armhf', 'riscv32', 'riscv64'),
  cmode: oneOf('shell', 'console', 'tty'),
  console: boolean,
  cores: integer(1, 8192),
  cpulimit: { type: 'number', minimum: 0, maximum: 8192 },
  cpuunits: integer(0, 500_000),
  debug: boolean,
  description: { type: 'string', maxLength: 8192 },
  features: {
    type: 'string',
    properties: {
      force_rw_sys: optional(boolean),
      fuse: optional(boolean),
      keyctl: optional(boolean),
      mknod: optional(boolean),
      mount: optional({ type: 'string', pattern: /^[a-zA-Z0-9_; ]+$/ }),
      nesting: optional(boolean),
    },
  },
  hookscript: { type: 'string', pattern: /^[^:]+:.+/ },
  hostname: { ...dnsName, maxLength: 255 },
  lock: oneOf(...LOCKS),
  memory: integer(16),
  nameserver: format('ip address list', (value) => value.split(/[\s,;]+/).every((one) => isIPv4(one) || isIPv6(one))),
  onboot: boolean,
  ostype: oneOf(...'debian devuan ubuntu centos fedora opensuse archlinux alpine gentoo nixos unmanaged'.split(' ')),
  protection: boolean,
  rootfs,
  searchdomain: format('DNS name list', (value) =>
    value.split(/[\s,;]+/).every((one) => dnsName.format?.(one) === null),
  ),
  startup: { type: 'string', pattern: /^(order=)?\d+(,(up|down)=\d+)*$|^(up|down)=\d+(,(up|down)=\d+)*$/ },
  swap: integer(0),
  tags: { type: 'string', pattern: /^[\w+.-]+([;, ]+[\w+.-]+)*$/ },
  template: boolean,
  timezone: string,
  tty: integer(0, 6),
  unprivileged: boolean,
};

/** The rule of a key of the configuration; null for one that isn't any. */
export function ruleOf(key: string): Rule | null {
  if (Object.hasOwn(single, key)) return single[key] ?? null;
  const [, name = '', index = ''] = /^([a-z]+)(0|[1-9]\d*)$/.exec(key) ?? [];
  const [count, rule] = (Object.hasOwn(numbered, name) ? numbered[name] : undefined) ?? [0, null];
  return Number(index) < count ? rule : null;
}
