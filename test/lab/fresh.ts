// A Debian 12 with systemd, sshd and nothing else, and beside it, not installed, the packages that install.sh asks for. Built once
// and cached; the boxes that are made of it have no network and need none.

import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { exec, run } from '../../src/drivers/exec.ts';

/** Where a box's apt finds them. */
const shelf = '/var/cache/box';
const there = ['systemd', 'systemd-sysv', 'dbus', 'kmod', 'openssh-server'];
const wanted =
  `openvswitch-switch nftables iproute2 conntrack iputils-ping curl openssl ca-certificates procps kmod netbase
  lxc uidmap wireguard-tools wireguard-go mmdebstrap gcc-bpf tcpdump unzip`.split(/\s+/);
const mirror = 'http://deb.debian.org/debian';

/** The folder of the image; the first time it takes minutes. */
export async function freshDebian(): Promise<string> {
  const script = [
    `mkdir -p "$1${shelf}"`,
    `chroot "$1" apt-get -y --no-install-recommends -o Dir::Cache::archives=${shelf} --download-only install ${wanted.join(' ')}`,
    `rm -rf "$1${shelf}/partial" "$1${shelf}/lock"`,
    `cd "$1${shelf}" && dpkg-scanpackages -m . >Packages`,
    `echo "deb [trusted=yes] file:${shelf} ./" >"$1/etc/apt/sources.list"`,
    `rm -f "$1"/var/lib/apt/lists/*_*`,
  ];
  const stamp = createHash('sha256')
    .update(JSON.stringify([script, there]))
    .digest('hex')
    .slice(0, 12);
  const image = `/var/cache/op-dbus-test/${stamp}`;
  if (existsSync(image)) return image;
  const fresh = `${image}.new`;
  await rm(fresh, { recursive: true, force: true });
  await mkdir('/var/cache/op-dbus-test', { recursive: true });
  const flags = ['--mode=root', '--format=directory', '--variant=minbase', `--include=${there.join(',')}`];
  const hooks = script.map((line) => `--customize-hook=${line}`);
  await run(exec, ['mmdebstrap', ...flags, ...hooks, 'bookworm', fresh, mirror], { deadline: 900_000 });
  await rename(fresh, image);
  return image;
}
