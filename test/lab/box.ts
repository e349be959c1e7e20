// A Debian whose first process is systemd, booted by LXC from this machine's own files, which it can't change; it can be
// rebooted from inside. For tests that `runPrivately` has started: it ends with them.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { exec, type ExecResult, run } from '../../src/drivers/exec.ts';
import { source } from '../../src/drivers/source.ts';

export type Box = {
  /** Runs a program in it. */
  readonly exec: (...argv: readonly string[]) => Promise<ExecResult>;
  /** The same, insisting on exit status 0. @returns standard output. */
  readonly ok: (...argv: readonly string[]) => Promise<string>;
  readonly put: (path: string, content: string) => Promise<void>;
  /** Runs a program of this machine's in the box's network, insisting on exit status 0. @returns standard output. */
  readonly net: (...argv: readonly string[]) => Promise<string>;
  /** Boots it anew, and waits until all that starts at boot has. */
  readonly reboot: () => Promise<void>;
};

/** Of the machine's own, gone in the box: it is a fresh installation. */
const gone = [
  '/etc/op-dbus',
  '/etc/openvswitch',
  '/etc/sysctl.d',
  '/var/lib/lxc',
  '/var/lib/op-dbus',
  '/var/lib/openvswitch',
];
/** What has no place in a container, or asks for a network. */
const masked = [
  'systemd-udevd',
  'systemd-udev-trigger',
  'systemd-networkd',
  'systemd-timesyncd',
  'console-getty',
  'lxc-net',
];

/** Where a box with an image is reached from outside of it, by its `eth0`; `outside` is its default route, and knows no other. */
export const uplink = { inside: '198.18.0.2', outside: '198.18.0.1' };

/**
 * Starts it, with Open vSwitch and LXC, no network but its own, and nothing of ours. With `image`, the root folder of
 * another Debian, it is that one, as it is, with an uplink.
 */
export async function startBox(image: string | null = null): Promise<Box> {
  const mount = async (...argv: readonly string[]): Promise<void> => void (await run(exec, ['mount', ...argv]));
  await mount('-t', 'sysfs', 'sysfs', '/sys');
  await mount('-t', 'cgroup2', 'cgroup2', '/sys/fs/cgroup');
  await mount('-t', 'tmpfs', 'tmpfs', '/run');
  await run(exec, ['ip', 'link', 'set', 'lo', 'up']);
  const folder = '/run/box';
  for (const name of ['upper', 'work', 'root', 'lxc', 'cache']) await mkdir(`${folder}/${name}`, { recursive: true });
  const layers = `lowerdir=${image ?? '/'},upperdir=${folder}/upper,workdir=${folder}/work`;
  await mount('-t', 'overlay', 'overlay', '-o', layers, `${folder}/root`);
  if (image === null) await furnish(`${folder}/root`);
  else {
    await settle(`${folder}/root`);
    await run(exec, ['cp', '-a', '/var/cache/op-dbus/template', `${folder}/root/root/`], {
      deadline: 300_000,
    });
    // What it sends to anywhere else is answered at once: there is no such network.
    await writeFile('/proc/sys/net/ipv4/ip_forward', '1');
  }
  await writeFile(`${folder}/config`, config(folder, image));
  // It ends with us, and keeps us from ending for nothing.
  const argv = ['--pdeathsig', 'KILL', 'lxc-start', '-n', 'box', '-f', `${folder}/config`, '-F'];
  const lxc = spawn('setpriv', argv, { stdio: 'ignore' });
  lxc.unref();
  /** Its first process, as we see it; empty while there is none. */
  const first = async (): Promise<string> =>
    (await readFile(`/proc/${lxc.pid}/task/${lxc.pid}/children`, 'utf8')).split(' ')[0] ?? '';
  const attach = (deadline: number, argv: readonly string[]): Promise<ExecResult> =>
    exec(['lxc-attach', '-n', 'box', '--clear-env', '--', 'env', `PATH=${PATH}`, ...argv], { deadline });
  const inside = (...argv: readonly string[]): Promise<ExecResult> => attach(60_000, argv);
  const ok = async (...argv: readonly string[]): Promise<string> => {
    const { code, stdout, stderr } = await inside(...argv);
    assert.equal(code, 0, `${argv.join(' ')}: ${stderr}\n${stdout}`);
    return stdout;
  };
  const booted = async (than: string): Promise<void> => {
    for (const deadline = Date.now() + 60_000; ; await sleep(50)) {
      assert.ok(Date.now() < deadline, 'the box does not come up');
      if (['', than].includes(await first())) continue;
      // LXC does not always answer while it boots.
      const state = await attach(2000, ['systemctl', 'is-system-running']).catch(() => null);
      if (['running', 'degraded'].includes(state?.stdout ?? '')) return;
    }
  };
  await booted('');
  if (image !== null) await run(exec, ['ip', 'address', 'add', `${uplink.outside}/30`, 'dev', 'box']);
  return {
    exec: inside,
    ok,
    net: async (...argv) => run(exec, ['nsenter', `--net=/proc/${await first()}/ns/net`, ...argv]),
    put: async (path, content) => writeFile(`/proc/${await first()}/root${path}`, content),
    reboot: async () => {
      const before = await first();
      await ok('systemctl', 'reboot');
      await booted(before);
    },
  };
}

const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

async function furnish(root: string): Promise<void> {
  for (const path of gone) {
    await rm(`${root}${path}`, { recursive: true, force: true });
    await mkdir(`${root}${path}`);
  }
  const units = `${root}/etc/systemd/system`;
  await rm(units, { recursive: true, force: true });
  await mkdir(`${units}/multi-user.target.wants`, { recursive: true });
  await settle(root);
  for (const name of ['openvswitch-switch', 'lxc'])
    await symlink(`/lib/systemd/system/${name}.service`, `${units}/multi-user.target.wants/${name}.service`);
  // LXC's own boot would wait for half a minute for the bridge that this names.
  await writeFile(`${root}/etc/lxc/default.conf`, 'lxc.net.0.type = empty\n');
}

/** What every box needs to boot in a container, to its end. */
async function settle(root: string): Promise<void> {
  const units = `${root}/etc/systemd/system`;
  for (const name of masked) {
    await rm(`${units}/${name}.service`, { force: true });
    await symlink('/dev/null', `${units}/${name}.service`);
  }
  await rm(`${units}/default.target`, { force: true });
  await symlink('/lib/systemd/system/multi-user.target', `${units}/default.target`);
  for (const name of ['machine-id', 'fstab']) await writeFile(`${root}/etc/${name}`, '');
  for (const name of ['subuid', 'subgid']) await writeFile(`${root}/etc/${name}`, 'root:100000:65536\n');
}

const network = [
  'lxc.net.0.type = veth',
  'lxc.net.0.veth.pair = box',
  'lxc.net.0.name = eth0',
  'lxc.net.0.flags = up',
  `lxc.net.0.ipv4.address = ${uplink.inside}/30`,
  `lxc.net.0.ipv4.gateway = ${uplink.outside}`,
];

/** Of a container that may do what a machine may. */
function config(folder: string, image: string | null): string {
  const bind = (from: string, to: string, how: string): string =>
    `lxc.mount.entry = ${from} ${to.slice(1)} none ${how} 0 0`;
  return [
    // Containers in it get a /proc only where one is seen whole, and LXC lays a boot id over a part of the box's own.
    'lxc.include = /usr/share/lxc/config/nesting.conf',
    'lxc.uts.name = box',
    `lxc.rootfs.path = dir:${folder}/root`,
    ...(image === null ? ['lxc.net.0.type = empty'] : network),
    'lxc.apparmor.profile = unconfined',
    'lxc.tty.max = 0',
    'lxc.pty.max = 16',
    'lxc.mount.auto = proc:rw sys:rw cgroup:rw:force',
    bind('/dev/net/tun', '/dev/net/tun', 'bind,create=file'),
    bind(source(), source(), 'rbind,ro,create=dir'),
    // Another Debian has a copy in /root, to put there.
    ...(image === null ? [bind('/var/cache/op-dbus', '/var/cache/op-dbus', 'bind,create=dir')] : []),
    // On a file system that an overlay can lie upon.
    bind(`${folder}/lxc`, '/var/lib/lxc', 'bind,create=dir'),
    '',
  ].join('\n');
}
