// What a lab host is, as far as op-dbus can change it: links, addresses, rules, routes, tables, switch, containers, files.

import { readFile, writeFile } from 'node:fs/promises';
import { OpError } from '../../error.ts';
import { capture } from '../host.ts';
import { hostFolder } from '../record.ts';
import type { HostName } from '../topology.ts';

/** Aspect → lines. */
export type Snapshot = Readonly<Record<string, readonly string[]>>;

const UNASKED = [
  ...['/etc/op-dbus', '/etc/openvswitch'],
  ...['/etc/pve/.vmlist', '/var/lib/lxc/.volume', '/var/lib/lxc/*/log'],
];

const ASPECTS: Readonly<Record<string, readonly string[]>> = {
  links: ['ip', '-br', 'link'],
  addresses: ['ip', '-br', 'addr'],
  rules: ['ip', 'rule'],
  'IPv6 rules': ['ip', '-6', 'rule'],
  routes: ['ip', 'route', 'show', 'table', 'all'],
  'IPv6 routes': ['ip', '-6', 'route', 'show', 'table', 'all'],
  tables: ['nft', '-s', 'list', 'ruleset'],
  bridges: ['ovs-vsctl', '--columns=name,datapath_type,fail_mode,other_config,external_ids', 'list', 'Bridge'],
  ports: ['ovs-vsctl', '--columns=name,external_ids', 'list', 'Port'],
  interfaces: ['ovs-vsctl', '--columns=name,type,external_ids', 'list', 'Interface'],
  containers: ['lxc-ls', '-f'],
  sysctls: [
    'cat',
    '/proc/sys/net/ipv4/ip_forward',
    '/proc/sys/net/ipv4/conf/all/src_valid_mark',
    '/proc/sys/net/ipv6/conf/all/forwarding',
  ],
  // The user's own files (/etc/op-dbus) and the database's log of transactions are left out, and of Proxmox what its
  // programs or LXC write without being asked.
  files: find(`/etc /var/lib/lxc /run/netns ( ${UNASKED.map((path) => `-path ${path}`).join(' -o ')} ) -prune`),
  // Files of this host alone, by the overlay's upper folder.
  'files of /var/lib': find(
    '/run/lab/var/lib/upper ( -path */op-dbus -o -path */openvswitch -o -path */lib/upper/vz -o -type d ) -prune',
  ),
  // Logs grow by themselves.
  'own files': find(
    '/var/lib -mindepth 1 ( -path /var/lib/op-dbus-* -o -path /var/lib/vz/template -o -not -path /var/lib/op-dbus* -o -name *.log ) -prune',
  ),
};

export async function snapshot(host: HostName): Promise<Snapshot> {
  const entries: [string, readonly string[]][] = [];
  for (const [aspect, argv] of Object.entries(ASPECTS)) {
    const result = await capture(host, argv);
    if (result.code !== 0) throw new OpError('host', `${host}: ${argv.join(' ')}: ${result.stderr}`);
    entries.push([aspect, result.stdout.split('\n').map(steady).toSorted()]);
  }
  return Object.fromEntries(entries);
}

/** Lists folders by mode, all else by mode, size and time of change too; `where` ends in what isn't listed. */
function find(where: string): readonly string[] {
  const folder = ['-type', 'd', '-printf', '%y %m %p\\n'];
  return ['find', ...where.split(' '), '-o', ...folder, '-o', '-printf', '%y %m %s %T@ %p %l\\n'];
}

/** Keeps the host's present snapshot as the one to which `down` must lead back. Before the first `apply`. */
export async function remember(host: HostName): Promise<void> {
  await writeFile(path(host), JSON.stringify(await snapshot(host)), { mode: 0o600 });
}

/** @throws OpError `host` when none is kept. */
export async function recall(host: HostName): Promise<Snapshot> {
  const text = await readFile(path(host), 'utf8').catch((cause: unknown) => {
    throw new OpError('host', `no snapshot of ${host} from before the first apply`, { cause });
  });
  const kept: Snapshot = JSON.parse(text);
  return kept;
}

/** The lines that are new (`+`) and gone (`-`), with their aspect; a line may be there more than once. */
export function differences(before: Snapshot, after: Snapshot): readonly string[] {
  return Object.keys({ ...before, ...after }).flatMap((aspect) => {
    const [old, now] = [before[aspect] ?? [], after[aspect] ?? []];
    return [
      ...without(now, old).map((line) => `${aspect}: + ${line}`),
      ...without(old, now).map((line) => `${aspect}: - ${line}`),
    ];
  });
}

/** `lines` less each of `others`, once for each time that it is there. */
function without(lines: readonly string[], others: readonly string[]): readonly string[] {
  const left = [...others];
  return lines.filter((line) => {
    const at = left.indexOf(line);
    if (at >= 0) left.splice(at, 1);
    return at < 0;
  });
}

function path(host: HostName): string {
  return `${hostFolder(host)}/before.json`;
}

/** Runs of blanks only align columns. */
function steady(line: string): string {
  return line.replaceAll(/\s+/g, ' ').trim();
}
