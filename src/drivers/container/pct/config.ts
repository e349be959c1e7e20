// Proxmox's configuration of a container, /etc/pve/lxc/<vmid>.conf (pct.conf(5); parse_pct_config, write_pct_config). Pure.

import type { Definition } from '../contract.ts';

export type Conf = {
  /** The leading `#` lines, which the web GUI shows as notes. */
  readonly notes: string;
  /** The running configuration: what is pending, and snapshots, have sections of their own. */
  readonly keys: Readonly<Record<string, string>>;
  /** LXC's own keys in their order, `[key, value]`. */
  readonly raw: readonly (readonly [string, string])[];
};

/** Reads the main section; lines of no known form are left out, as Proxmox does. */
export function parseConf(text: string): Conf {
  const lines = mainSection(text);
  const keys: Record<string, string> = {};
  const raw: (readonly [string, string])[] = [];
  for (const line of lines) {
    const own = /^(lxc\.[a-z0-9_.-]+)\s*[:=]\s*(.*?)\s*$/.exec(line);
    const pair = /^([a-z][a-z_]*\d*):\s*(.+?)\s*$/.exec(line);
    if (own !== null) raw.push([own[1] ?? '', own[2] ?? '']);
    else if (pair !== null) keys[pair[1] ?? ''] = pair[2] ?? '';
  }
  const notes = lines.flatMap((line) => (line.startsWith('#') ? [line.slice(1)] : [])).join('\n');
  return { notes, keys, raw };
}

/** The links that Proxmox gives the container: `net0` → `name=eth0,bridge=vmbr0,…`. */
export function nets({ keys }: Conf): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(keys).filter(([key]) => /^net\d+$/.test(key)));
}

/** The machine's id of the container's root: 0 of a privileged one. */
export function rootId({ keys, raw }: Conf): number {
  const mapped = raw.flatMap(([key, value]) => (key === 'lxc.idmap' ? (/^u 0 (\d+) /.exec(value)?.[1] ?? []) : []))[0];
  if (mapped !== undefined) return Number(mapped);
  return keys['unprivileged'] === '1' ? 100_000 : 0;
}

/** The links that the definition wants Proxmox to give: one veth pair, or none, when the switch's own port is moved in. */
export function wantedNets(definition: Definition): Readonly<Record<string, string>> {
  if (definition.mode === 'socket') return {};
  const { bridge, mac, address, gateway } = definition;
  const parts = { name: 'eth0', bridge, firewall: '0', gw: gateway, hwaddr: mac.toUpperCase(), ip: address };
  const text = Object.entries(parts).filter(([, value]) => value !== '');
  return { net0: text.map(([key, value]) => `${key}=${value}`).join(',') };
}

/** Whether two links are the same, however Proxmox has written them: order, case, what is the default. */
export function sameNet(a: string | undefined, b: string | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return canonicalNet(a) === canonicalNet(b);
}

function canonicalNet(text: string): string {
  const parts = text.split(',').map((part) => part.trim().toLowerCase());
  return parts
    .filter((part) => part !== 'type=veth' && part !== 'firewall=0')
    .toSorted()
    .join(',');
}

/** LXC's own lines for programs of the host that are shown inside, read only. */
export function bindLines({ binds }: Definition): readonly string[] {
  return Object.entries(binds).map(
    ([inside, outside]) =>
      `lxc.mount.entry: ${octal(outside)} ${octal(inside.replace(/^\/+/, ''))} none bind,ro,create=file 0 0`,
  );
}

/** The text without the lines `old` and with `fresh` at the end of the main section, before anything pending and snapshots. */
export function withRaw(text: string, old: readonly string[], fresh: readonly string[]): string {
  const main = mainSection(text);
  const rest = text.split('\n').slice(main.length);
  const kept = main.filter((line) => !old.includes(line));
  while (kept.at(-1) === '') kept.pop();
  const gap = rest.some((line) => line !== '') ? [''] : [];
  const all = [...kept, ...fresh, ...gap, ...rest];
  while (all.at(-1) === '') all.pop();
  return `${all.join('\n')}\n`;
}

function mainSection(text: string): readonly string[] {
  const lines = text.split('\n');
  const end = lines.findIndex((line) => line.startsWith('['));
  return end === -1 ? lines : lines.slice(0, end);
}

/** fstab(5): white space and backslashes as octal. */
function octal(path: string): string {
  return path.replaceAll(/[\s\\]/g, (character) => `\\${character.charCodeAt(0).toString(8).padStart(3, '0')}`);
}
