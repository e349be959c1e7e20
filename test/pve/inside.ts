// What Proxmox writes into a container's root: name, hosts, resolver and cards, at each start (PVE::LXC::Setup::Debian).

import { lchown, lstat, mkdir, readFile, rename, symlink, writeFile } from 'node:fs/promises';
import { optional } from '../../src/drivers/container/record.ts';
import { source } from '../../src/drivers/source.ts';
import type { Config } from './config.ts';
import { indices } from './lxc.ts';
import { net } from './option.ts';
import { parseProperties, type Values } from './schema.ts';
import { BASE } from './volume.ts';

/**
 * `first`: at the creation also what Debian's template of Proxmox has and ours has not, ifupdown: a script that brings up
 * what /etc/network/interfaces has.
 */
export async function settle(root: string, vmid: number, { values }: Config, first: boolean): Promise<void> {
  if (values['ostype'] === 'unmanaged') return;
  const owner = values['unprivileged'] === '1' ? BASE : 0;
  const put = (path: string, text: string, mode = 0o644): Promise<void> => write(root, path, text, { mode, owner });
  const name = values['hostname'] ?? `CT${vmid}`;
  await put('/etc/hostname', `${name}\n`);
  await put('/etc/hosts', section(await plain(root, '/etc/hosts'), `${address(values)} ${name}\n`));
  const servers = (values['nameserver'] ?? (await hostServers())).split(/[\s,;]+/).filter((one) => one !== '');
  const search = values['searchdomain'] === undefined ? '' : `search ${values['searchdomain']}\n`;
  const lines = servers.map((one) => `nameserver ${one}\n`).join('');
  await put('/etc/resolv.conf', section(await plain(root, '/etc/resolv.conf'), `${search}${lines}`));
  if (indices(values, 'net').length > 0)
    await put('/etc/network/interfaces', interfaces(await plain(root, '/etc/network/interfaces'), values));
  if (!first || (await optional(lstat(`${root}/usr/sbin/ifup`))) !== null) return;
  await put('/usr/local/sbin/networking', await readFile(source('test/pve/networking.sh'), 'utf8'), 0o755);
  await put('/etc/systemd/system/networking.service', UNIT);
  const wants = '/etc/systemd/system/multi-user.target.wants';
  if ((await optional(lstat(`${root}${wants}`))) === null) await folder(root, wants, owner);
  await symlink('../networking.service', `${root}${wants}/networking.service`);
  await lchown(`${root}${wants}/networking.service`, owner, owner);
}

const UNIT = `[Unit]
Description=Raise network interfaces (the double's ifupdown)
DefaultDependencies=no
Before=network.target
Wants=network.target

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/local/sbin/networking
`;

/** Stanzas of the container's cards replace those of the same name; the rest stays. */
export function interfaces(text: string, values: Values): string {
  const cards = indices(values, 'net').map((index) => parseProperties(values[`net${index}`] as string, net));
  const names = ['lo', ...cards.map((card) => card['name'] ?? '')];
  const stanzas = text.split(/^(?=(?:auto|iface|allow-\S+|source\S*|mapping)\s)/m).filter((stanza) => {
    const [, name] = /^(?:auto|iface)\s+(\S+)/.exec(stanza) ?? [];
    return stanza.trim() !== '' && !(name !== undefined && names.includes(name));
  });
  const lines = (card: Values, family: 4 | 6): string => {
    const [ip, gw] = family === 4 ? [card['ip'], card['gw']] : [card['ip6'], card['gw6']];
    if (ip === undefined || ip === 'manual') return family === 4 ? `iface ${card['name']} inet manual\n` : '';
    const method = ip.includes('/') ? 'static' : ip;
    const more = ip.includes('/') ? `\taddress ${ip}\n${gw === undefined ? '' : `\tgateway ${gw}\n`}` : '';
    return `iface ${card['name']} inet${family === 4 ? '' : '6'} ${method}\n${more}`;
  };
  const own = cards.map((card) => `auto ${card['name']}\n${lines(card, 4)}${lines(card, 6)}`);
  return [`auto lo\niface lo inet loopback\n`, ...own, ...stanzas.map((stanza) => `${stanza.trim()}\n`)].join('\n');
}

/** The text with our part of it replaced, or put before it. */
export function section(text: string, content: string): string {
  const block = `# --- BEGIN PVE ---\n${content}# --- END PVE ---\n`;
  const found = /^# --- BEGIN PVE ---\n.*?^# --- END PVE ---\n/ms;
  return found.test(text) ? text.replace(found, () => block) : `${block}${text}`;
}

function address(values: Values): string {
  const first = indices(values, 'net')[0];
  const ip = first === undefined ? undefined : parseProperties(values[`net${first}`] as string, net)['ip'];
  return ip?.includes('/') ? (ip.split('/')[0] as string) : '127.0.1.1';
}

async function hostServers(): Promise<string> {
  const text = (await optional(readFile('/etc/resolv.conf', 'utf8'))) ?? '';
  return [...text.matchAll(/^nameserver\s+(\S+)/gm)].map(([, one]) => one).join(' ');
}

/** A regular file's text; empty for anything else, whatever it leads to. */
async function plain(root: string, path: string): Promise<string> {
  const found = await optional(lstat(`${root}${path}`));
  return found?.isFile() === true ? readFile(`${root}${path}`, 'utf8') : '';
}

/** Replaces a file, unless one `.pve-ignore.NAME` lies beside it. */
async function write(
  root: string,
  path: string,
  text: string,
  { mode, owner }: { mode: number; owner: number },
): Promise<void> {
  const [, parent = '', name = ''] = /^(.*)\/([^/]+)$/.exec(path) ?? [];
  if ((await optional(lstat(`${root}${parent}/.pve-ignore.${name}`))) !== null) return;
  if ((await optional(lstat(`${root}${parent}`))) === null) await folder(root, parent, owner);
  const fresh = `${root}${parent}/.${name}.pve`;
  await writeFile(fresh, text, { mode });
  await lchown(fresh, owner, owner);
  await rename(fresh, `${root}${path}`);
}

async function folder(root: string, path: string, owner: number): Promise<void> {
  const parent = path.slice(0, path.lastIndexOf('/'));
  if (parent !== '' && (await optional(lstat(`${root}${parent}`))) === null) await folder(root, parent, owner);
  await mkdir(`${root}${path}`, { mode: 0o755 });
  await lchown(`${root}${path}`, owner, owner);
}
