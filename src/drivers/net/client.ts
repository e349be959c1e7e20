// The host's network by iproute2 (ip-address(8), ip-route(8), ip-rule(8), JSON output) and /proc/sys (proc_sys(5)).

import * as z from 'zod';
import { OpError } from '../../error.ts';
import { type Exec, run } from '../exec.ts';
import { type Listen, listen as realListen } from '../listen.ts';
import { type Family, type Link, type Net, type Rule, RULE_PROTOCOL } from './contract.ts';

const addressShow = z.array(
  z.object({
    ifname: z.string(),
    flags: z.array(z.string()),
    mtu: z.int(),
    link_type: z.string(),
    address: z.string().optional(),
    addr_info: z.array(z.object({ family: z.string(), local: z.string().optional(), prefixlen: z.int() })).default([]),
  }),
);

const hop = z.object({ dev: z.string() });
const routeShow = z.array(
  z.object({ dev: z.string().optional(), metric: z.int().default(0), nexthops: z.array(hop).optional() }),
);

const ruleShow = z.array(
  z.looseObject({
    priority: z.int(),
    src: z.string(),
    srclen: z.int().optional(),
    fwmark: z.string().optional(),
    fwmask: z.string().optional(),
    table: z.string().optional(),
    goto: z.int().optional(),
    action: z.string().optional(),
    protocol: z.string().optional(),
  }),
);

/**
 * The network of the namespace in which `exec` and `listen` run their programs: /proc/sys too is read and written by a program of
 * that namespace (its net part belongs to the namespace of who asks).
 */
export function iproute(exec: Exec, listen: Listen = realListen): Net {
  return {
    links: async () => parsed(addressShow, await run(exec, ['ip', '-j', 'address', 'show'])).map(link),
    up: async (device) => void (await run(exec, ['ip', 'link', 'set', 'dev', device, 'up'])),
    // `replace` is `add` that may be repeated.
    addAddress: async (device, address) => void (await run(exec, ['ip', 'address', 'replace', address, 'dev', device])),
    removeAddress: (device, address) => removeAddress(exec, device, address),
    uplink: async () => uplink(await run(exec, ['ip', '-j', '-4', 'route', 'show', 'default'])),
    rules: (family) => rules(exec, family),
    addRule: (family, text) => rule(exec, family, 'add', text, /file exists/i),
    removeRule: (family, text) => rule(exec, family, 'del', text, /no such file/i),
    forget: (protocol, port) => forget(exec, protocol, port),
    sysctl: (key) => sysctl(exec, key),
    setSysctl: async (key, value) => void (await run(exec, ['tee', path(key)], { stdin: `${value}\n` })),
    watch: (changed) => listen(monitor, changed),
  };
}

/** NETLINK_ROUTE; links, addresses, routes, rules and settings of both families. */
const monitor = {
  argv: ['ip', '-o', 'monitor', 'link', 'address', 'route', 'rule', 'netconf'],
  protocol: 0,
  groups: [1, 5, 7, 8, 9, 11, 19, 24, 25].reduce((mask, group) => mask | (1 << (group - 1)), 0),
  tells: () => true,
} as const;

function link(row: z.output<typeof addressShow>[number]): Link {
  const addresses = row.addr_info.filter(({ family }) => family === 'inet');
  return {
    name: row.ifname,
    mac: row.link_type === 'ether' ? (row.address ?? null) : null,
    mtu: row.mtu,
    up: row.flags.includes('UP'),
    addresses: addresses.map(({ local, prefixlen }) => `${local}/${prefixlen}`),
  };
}

/** Quiet when the device doesn't have the address (the kernel's EADDRNOTAVAIL). */
async function removeAddress(exec: Exec, device: string, address: string): Promise<void> {
  const { code, stderr } = await exec(['ip', 'address', 'del', address, 'dev', device]);
  if (code === 0 || /cannot assign requested address|address not found/i.test(stderr)) return;
  throw new OpError('host', `ip address del ${address} dev ${device}: ${stderr.trim()}`);
}

async function rules(exec: Exec, family: Family): Promise<readonly Rule[] | null> {
  const { code, stdout, stderr } = await exec(['ip', '-j', `-${family}`, 'rule', 'show']);
  if (code === 0) return parsed(ruleShow, stdout).map(shown);
  if (/address family not supported/i.test(stderr)) return null;
  throw new OpError('host', `ip -${family} rule show: ${stderr.trim()}`);
}

/** Selectors that are none of ours are told as well: a rule which has them is no rule of ours. */
function shown(row: z.output<typeof ruleShow>[number]): Rule {
  const { priority, src, srclen, fwmark, fwmask, table, action, protocol, ...others } = row;
  const { goto: target, not, nop, iif_detached: _i, oif_detached: _o, unresolved: _u, ...more } = others;
  const words = [
    `priority ${priority}`,
    ...(not === undefined ? [] : ['not']),
    ...(src === 'all' ? [] : [`from ${src}${srclen === undefined ? '' : `/${srclen}`}`]),
    ...(fwmark === undefined ? [] : [`fwmark ${fwmark}${fwmask === undefined ? '' : `/${fwmask}`}`]),
    ...Object.entries(more).map(([key, value]) =>
      value === null ? key : `${key} ${typeof value === 'string' ? value : JSON.stringify(value)}`,
    ),
    ...(table === undefined ? [] : [`lookup ${table}`]),
    ...(target === undefined ? [] : [`goto ${target}`]),
    ...(nop === undefined ? [] : ['nop']),
    ...(action === undefined ? [] : [action]),
  ];
  return { ours: protocol === `${RULE_PROTOCOL}`, text: words.join(' ') };
}

async function rule(exec: Exec, family: Family, verb: 'add' | 'del', text: string, quiet: RegExp): Promise<void> {
  const argv = ['ip', `-${family}`, 'rule', verb, ...text.split(' '), 'protocol', `${RULE_PROTOCOL}`] as const;
  const { code, stderr } = await exec(argv);
  if (code === 0 || quiet.test(stderr)) return;
  throw new OpError('host', `${argv.join(' ')}: ${stderr.trim()}`);
}

/** Quiet when there is none: conntrack then ends with 1, having said so. */
async function forget(exec: Exec, protocol: string, port: number): Promise<void> {
  const { code, stderr } = await exec(['conntrack', '-D', '-p', protocol, '--orig-port-dst', `${port}`]);
  if (code === 0 || /\b0 flow entries have been deleted/.test(stderr)) return;
  throw new OpError('host', `conntrack -D -p ${protocol} --orig-port-dst ${port}: ${stderr.trim()}`);
}

/** The first of those with the lowest metric; a route with several hops counts by its first. */
function uplink(json: string): string | null {
  const routes = parsed(routeShow, json === '' ? '[]' : json).flatMap(({ dev, nexthops, metric }) => {
    const device = dev ?? nexthops?.[0]?.dev;
    return device === undefined ? [] : [{ device, metric }];
  });
  return routes.toSorted((a, b) => a.metric - b.metric)[0]?.device ?? null;
}

async function sysctl(exec: Exec, key: string): Promise<string | null> {
  const { code, stdout, stderr } = await exec(['cat', path(key)]);
  if (code === 0) return stdout.trim();
  if (/no such file|not a directory/i.test(stderr)) return null;
  throw new OpError('host', `reading ${key}: ${stderr.trim()}`);
}

function path(key: string): string {
  const parts = key.split('.').map((part) => part.replaceAll('/', '.'));
  if (parts.every((part) => /^[\w.:@-]+$/.test(part) && part !== '.' && part !== '..'))
    return `/proc/sys/${parts.join('/')}`;
  throw new OpError('internal', `${key}: not a sysctl key`);
}

function parsed<T>(schema: z.ZodType<T>, json: string): T {
  try {
    return schema.parse(JSON.parse(json));
  } catch (error) {
    throw new OpError('host', 'ip: its JSON output is not as expected', { cause: error });
  }
}
