// The text of /etc/pve/lxc/VMID.conf: description, keys, raw lxc entries, [pve:pending] and snapshots (pct.conf(5)). Pure.

import type { Faults } from './die.ts';
import { ruleOf } from './option.ts';
import { check, type Values } from './schema.ts';

export type Raw = readonly [key: string, value: string];

export type Part = {
  readonly description: string | null;
  readonly values: Values;
  /** In the order of the file; one key may be there more than once. */
  readonly raw: readonly Raw[];
};

export type Config = Part & {
  readonly pending: Values;
  /** Keys that go at the next start. */
  readonly deleted: readonly string[];
  /** By name, in the order of the file. */
  readonly snapshots: Readonly<Record<string, Part>>;
};

/** Keys of a snapshot, or of the configuration's relation to it, that no option sets. */
const BOOKKEEPING = ['parent', 'snaptime', 'snapstate'];

export const EMPTY: Config = { description: null, values: {}, raw: [], pending: {}, deleted: [], snapshots: {} };

/** What can't be read is told, and not in the result: the next write drops it. */
export function parseConfig(vmid: number, text: string, warn: (line: string) => void): Config {
  type Draft = { description: string | null; values: Record<string, string>; raw: Raw[] };
  const draft = (): Draft => ({ description: null, values: {}, raw: [] });
  const main = draft();
  const pending = draft();
  const snapshots: Record<string, Draft> = {};
  let deleted: readonly string[] = [];
  let into = main;
  for (const line of text.split('\n')) {
    if (/^\s*$/.test(line)) continue;
    if (/^\[pve:pending\]\s*$/i.test(line)) {
      into = pending;
      continue;
    }
    const section = /^\[([a-z][a-z0-9_-]+)\]\s*$/i.exec(line)?.[1];
    if (section !== undefined) {
      into = snapshots[section] = draft();
      continue;
    }
    if (line.startsWith('#')) {
      into.description = `${into.description ?? ''}${decode(line.slice(1))}\n`;
      continue;
    }
    const [, rawKey, rawValue = ''] = /^(lxc\.[a-z0-9_.-]+)(?::|\s*=)\s*(.*?)\s*$/.exec(line) ?? [];
    if (rawKey !== undefined) {
      const fault = rawFault(rawKey);
      if (fault === null) into.raw.push([rawKey, rawValue]);
      else warn(`vm ${vmid} - ${fault === '' ? `unable to parse config: ${line}` : `${rawKey}: ${fault}`}`);
      continue;
    }
    const [, key, value = ''] = /^([a-z][a-z_]*\d*):\s*(\S.*?)\s*$/.exec(line) ?? [];
    if (key === undefined) warn(`vm ${vmid} - unable to parse config: ${line}`);
    else if (key === 'delete' && into === pending) deleted = value.split(/[\s,;]+/);
    else if (key === 'description') into.description = `${decode(value)}\n`;
    else if (BOOKKEEPING.includes(key)) into.values[key] = value;
    else {
      const rule = ruleOf(key);
      const faults: Faults = {};
      if (rule === null) faults[key] = 'unknown setting';
      const checked = rule === null ? value : check(key, value, rule, faults);
      const fault = Object.values(faults)[0];
      if (fault === undefined) into.values[key] = checked;
      else warn(`vm ${vmid} - unable to parse value of '${key}' - ${fault}`);
    }
  }
  return { ...main, pending: pending.values, deleted, snapshots };
}

/** Keys sorted, then the raw entries in their order, then what is pending, then the snapshots. */
export function writeConfig({ pending, deleted, snapshots, ...main }: Config): string {
  const sections = [part(main)];
  if (deleted.length > 0 || Object.keys(pending).length > 0) {
    const lines = deleted.length > 0 ? [`delete: ${deleted.toSorted().join(',')}\n`] : [];
    sections.push(`[pve:pending]\n${lines.join('')}${keys(pending)}`);
  }
  for (const [name, snapshot] of Object.entries(snapshots).toSorted(([a], [b]) => (a < b ? -1 : 1)))
    sections.push(`[${name}]\n${part(snapshot)}`);
  return sections.join('\n');
}

function part({ description, values, raw }: Part): string {
  const lines = (description ?? '').replace(/\n$/, '').split('\n');
  const notes = description === null ? '' : lines.map((line) => `#${encode(line)}\n`).join('');
  return `${notes}${keys(values)}${raw.map(([key, value]) => `${key}: ${value}\n`).join('')}`;
}

function keys(values: Values): string {
  const sorted = Object.entries(values).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return sorted.map(([key, value]) => `${key}: ${value}\n`).join('');
}

/** Percent signs, colons, control characters and what isn't ASCII are written as %XX of UTF-8. */
export function encode(text: string): string {
  return [...Buffer.from(text)]
    .map((byte) => {
      const plain = byte >= 0x20 && byte <= 0x7e && byte !== 0x25 && byte !== 0x3a;
      return plain ? String.fromCharCode(byte) : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
    })
    .join('');
}

function decode(text: string): string {
  const bytes = Buffer.from(text).toString('latin1');
  const plain = bytes.replaceAll(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  return Buffer.from(plain, 'latin1').toString('utf8');
}

const HOOKS = 'pre-start pre-mount mount start stop post-stop autodev clone destroy version'.split(' ');
const FREE = /^lxc\.(net\.\d+\.[a-z0-9_.-]+|cgroup2?\.[a-z0-9_.-]+|prlimit\.[a-z]+|sysctl\.\S+|namespace\.\S+)$/;
const ALLOWED = `
  apparmor.allow_incomplete apparmor.allow_nesting apparmor.profile apparmor.raw arch autodev cap.drop cap.keep
  console.buffer.size console.logfile console.path console.rotate console.size ephemeral environment group haltsignal
  idmap init.cmd init.gid init.uid log.file log.level log.syslog monitor.unshare mount mount.auto mount.entry
  no_new_privs pty.max rebootsignal rootfs.mount seccomp.allow_nesting seccomp.notify.cookie seccomp.notify.proxy
  seccomp.profile selinux.context signal.halt signal.reboot signal.stop start.auto start.delay start.order stopsignal
  tty.dir tty.max uts.name`;

/** Null when the raw key is allowed, else why not, or nothing to say of it. */
function rawFault(key: string): string | null {
  if (key === 'lxc.rootfs.path') return 'lxc.rootfs is auto generated from rootfs';
  if (key === 'lxc.rootfs.options')
    return "lxc.rootfs.options is not supported, please use mount point options in the 'rootfs' key";
  if (FREE.test(key)) return null;
  const hook = /^lxc\.hook\.(.+)$/.exec(key)?.[1];
  if (hook !== undefined) return HOOKS.includes(hook) ? null : '';
  return ALLOWED.trim().split(/\s+/).includes(key.slice('lxc.'.length)) ? null : '';
}
