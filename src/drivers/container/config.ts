// The texts of a container: LXC's configuration (lxc.container.conf(5)), the start hook's values, files of its root. Pure.

import type { Definition } from './contract.ts';

/** Where the container's root comes from, as LXC names it: `overlay:LOWER:UPPER` or `dir:PATH`. */
export type Layout = 'btrfs' | 'reflink' | 'overlay' | 'copy';

export type ConfigPaths = {
  readonly rootfs: string;
  readonly hook: string;
  /** A tun device node of our own, mode 0666: the machine's may be root's alone, and wireguard-go needs one. */
  readonly tun: string;
};

/** LXC's configuration of an unprivileged container whose ids start at `base` and whose network the hook sets up. */
export function lxcConfig(
  name: string,
  definition: Definition,
  { rootfs, hook, tun }: ConfigPaths,
  { base, apparmor }: { readonly base: number; readonly apparmor: boolean },
): string {
  const binds = Object.entries(definition.binds).map(([inside, outside]) =>
    mount(outside, inside, 'bind,ro,create=file'),
  );
  return [
    `# Written by op-dbus from ${name}'s definition; changes here are lost.`,
    'lxc.include = /usr/share/lxc/config/common.conf',
    'lxc.include = /usr/share/lxc/config/userns.conf',
    `lxc.idmap = u 0 ${base} 65536`,
    `lxc.idmap = g 0 ${base} 65536`,
    `lxc.uts.name = ${name}`,
    `lxc.rootfs.path = ${rootfs}`,
    'lxc.tty.max = 0',
    // The hook moves the device in under its own name; LXC itself would rename it on the way.
    'lxc.net.0.type = empty',
    ...(apparmor
      ? ['lxc.apparmor.profile = generated', 'lxc.apparmor.allow_nesting = 1']
      : ['lxc.apparmor.profile = unconfined']),
    mount(tun, '/dev/net/tun', 'bind,create=file'),
    ...binds,
    ...['pre-start', 'start-host', 'stop'].map((type) => `lxc.hook.${type} = ${hook}`),
    `lxc.start.auto = ${definition.autostart ? 1 : 0}`,
    // LXC starts the lowest order first.
    `lxc.start.order = ${definition.order}`,
    '',
  ].join('\n');
}

/** The device by which the container is on the switch: its name inside, and on the host while it is not inside. */
export function device({ id, mode, port }: Definition): { readonly inner: string; readonly outer: string } {
  return mode === 'veth' ? { inner: 'eth0', outer: `op-peer${id}` } : { inner: port.device, outer: port.device };
}

/** What the hook reads as shell assignments; every value is quoted. `plugged`: its veth pair is made by Proxmox. */
export function hookEnvironment(definition: Definition, plugged = false): string {
  const { port } = definition;
  const values = {
    MODE: plugged && definition.mode === 'veth' ? 'plugged' : definition.mode,
    BRIDGE: definition.bridge,
    ROW: port.row,
    DEVICE: port.device,
    PEER: device({ ...definition, mode: 'veth' }).outer,
    OFPORT: String(port.ofport),
    MAC: definition.mac,
    ADDRESS: definition.address,
    GATEWAY: definition.gateway,
    MARK: port.device,
    SYSCTL: Object.entries(definition.sysctl)
      .map(([key, value]) => `${sysctlPath(key)} ${value}`)
      .join('\n'),
  };
  return Object.entries(values)
    .map(([key, value]) => `${key}='${value.replaceAll("'", `'\\''`)}'\n`)
    .join('');
}

/** Files that belong to the container's root, whatever runs in it: path → content. */
export function rootFiles(name: string, definition: Definition): Readonly<Record<string, string>> {
  return {
    '/etc/hostname': `${name}\n`,
    '/etc/hosts': `127.0.0.1 localhost\n127.0.1.1 ${name}\n`,
    '/etc/resolv.conf': definition.nameservers.map((server) => `nameserver ${server}\n`).join(''),
  };
}

/** `net.ipv4.conf.eth0/5.rp_filter` → `net/ipv4/conf/eth0.5/rp_filter` (sysctl(8)). */
function sysctlPath(key: string): string {
  return key.replaceAll(/[./]/g, (character) => (character === '.' ? '/' : '.'));
}

function mount(source: string, target: string, options: string): string {
  return `lxc.mount.entry = ${octal(source)} ${octal(target.replace(/^\/+/, ''))} none ${options} 0 0`;
}

/** fstab(5): white space and backslashes as octal. */
function octal(path: string): string {
  return path.replaceAll(/[\s\\]/g, (character) => `\\${character.charCodeAt(0).toString(8).padStart(3, '0')}`);
}
