// The template that containers are made from: Debian with systemd, built once by mmdebstrap(1) or debootstrap(8) and cached.

import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmod, lchown, lstat, mkdir, readdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { OpError } from '../../error.ts';
import type { Exec } from '../exec.ts';
import { discard } from './discard.ts';
import { flock } from './flock.ts';
import { optional } from './record.ts';

type Recipe = {
  readonly suite: string;
  readonly packages: readonly string[];
  readonly masked: readonly string[];
  /** What starts at boot, of what its packages bring. */
  readonly enabled?: readonly string[];
};

const recipes: Readonly<Record<string, Recipe>> = {
  'debian-12': {
    suite: 'bookworm',
    packages: words(`
      systemd systemd-sysv dbus procps netbase net-tools iproute2 iputils-ping nftables wireguard-tools wireguard-go
      v2ray nginx-light curl ca-certificates`),
    // What has no place in a container or starts by itself; without them its boot is short and ends in `running`.
    masked: words(`
      systemd-logind.service systemd-resolved.service systemd-networkd.service systemd-timesyncd.service
      systemd-sysctl.service systemd-udevd.service systemd-udev-trigger.service systemd-pstore.service
      systemd-modules-load.service systemd-networkd-wait-online.service kmod-static-nodes.service
      console-getty.service getty.target getty-static.service e2scrub_reap.service e2scrub_all.timer
      sys-kernel-debug.mount sys-kernel-tracing.mount sys-kernel-config.mount dev-hugepages.mount dev-mqueue.mount
      fstrim.timer apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer proc-sys-fs-binfmt_misc.automount`),
  },
};

/** Names of the same tree. A mesh's needs WireGuard's tools, which that has; netclient itself is the host's, shown inside. */
const aliases: Readonly<Record<string, string>> = { 'debian-netmaker': 'debian-12' };

/** Where the tree of a template is, whether built or not. @throws OpError `state` for a name without a recipe. */
export function treePath(cache: string, name: string, base: number): string {
  const template = treeName(name);
  const recipe = Object.hasOwn(recipes, template) ? recipes[template] : undefined;
  if (recipe === undefined)
    throw new OpError(
      'state',
      `template ${template}: expected ${[...Object.keys(recipes), ...Object.keys(aliases)].join(' or ')}`,
    );
  const stamp = createHash('sha256')
    .update(JSON.stringify([recipe, base, process.arch]))
    .digest('hex')
    .slice(0, 12);
  return `${cache}/${template}/${stamp}`;
}

/**
 * Builds the tree unless it is there. It is built under another name and renamed when it is whole; a build by another
 * process is waited for. Older trees go, but for those in `used`.
 * @throws OpError `host` when no tool is installed or the packages can't be had.
 */
export async function build(
  exec: Exec,
  { cache, base, used, ...named }: { cache: string; template: string; base: number; used: readonly string[] },
  progress: (line: string) => void,
): Promise<string> {
  const template = treeName(named.template);
  const tree = treePath(cache, template, base);
  if ((await optional(lstat(tree))) !== null) return tree;
  const folder = `${cache}/${template}`;
  // Others may pass through to what a container's users own, but not look around.
  await mkdir(folder, { recursive: true, mode: 0o711 });
  const unlock = await flock(`${folder}/.lock`, () => progress(`template ${template}: waiting for another build`));
  try {
    if ((await optional(lstat(tree))) !== null) return tree;
    for (const name of await readdir(folder))
      if (name !== '.lock' && !used.includes(`${folder}/${name}`)) await discard(exec, `${folder}/${name}`);
    const fresh = `${folder}/.building`;
    await subvolume(exec, fresh);
    try {
      await install(exec, template, recipes[template] as Recipe, fresh, (line) =>
        progress(`template ${template}: ${line}`),
      );
      await settle(fresh, recipes[template] as Recipe);
      progress(`template ${template}: giving the files to the containers' users`);
      await shift(fresh, base);
      await rename(fresh, tree);
    } catch (error) {
      await discard(exec, fresh);
      throw error;
    }
    return tree;
  } finally {
    unlock();
  }
}

/** The name of the recipe; of a name that has none, the name itself. */
export function treeName(name: string): string {
  return Object.hasOwn(aliases, name) ? (aliases[name] ?? name) : name;
}

/** Whether it is built here, and not had from elsewhere. */
export function hasRecipe(name: string): boolean {
  return Object.hasOwn(recipes, treeName(name));
}

/**
 * Builds the tree for Proxmox below `cache`, whose owners are as they are inside, has `use` look at it, and removes it.
 * @throws OpError as `build`.
 */
export async function withTree<T>(
  exec: Exec,
  { cache, template }: { readonly cache: string; readonly template: string },
  progress: (line: string) => void,
  use: (tree: string) => Promise<T>,
): Promise<T> {
  const name = treeName(template);
  const recipe = forProxmox(recipes[name] as Recipe);
  const folder = `${cache}/${name}-proxmox`;
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const unlock = await flock(`${folder}/.lock`, () => progress(`template ${template}: waiting for another build`));
  const tree = `${folder}/.building`;
  try {
    await discard(exec, tree);
    await mkdir(tree, { mode: 0o755 });
    await install(exec, template, recipe, tree, (line) => progress(`template ${template}: ${line}`));
    await settle(tree, recipe);
    return await use(tree);
  } finally {
    await discard(exec, tree);
    unlock();
  }
}

/** Proxmox gives addresses by ifupdown's configuration, and shows a console by gettys of its own. */
function forProxmox({ packages, masked, ...rest }: Recipe): Recipe {
  return {
    ...rest,
    packages: [...packages, 'ifupdown'],
    masked: masked.filter((unit) => !unit.includes('getty')),
    enabled: ['networking.service'],
  };
}

function words(text: string): readonly string[] {
  return text.trim().split(/\s+/);
}

async function install(
  exec: Exec,
  template: string,
  { suite, packages }: Recipe,
  folder: string,
  say: (line: string) => void,
): Promise<void> {
  const [sources, proxy, options] = await Promise.all([aptSources(exec, suite), aptProxy(exec), aptOptions(exec)]);
  const include = `--include=${packages.join(',')}`;
  const small = ['doc', 'man', 'locale', 'info'].map((name) => `--dpkgopt=path-exclude=/usr/share/${name}/*`);
  const ways = [
    ['mmdebstrap', '--mode=root', '--format=directory', '--variant=minbase', include, ...small]
      .concat(options.map((option) => `--aptopt=${option}`))
      .concat([suite, folder, ...sources.map(({ uri, suite: name }) => `deb ${uri} ${name} main`)]),
    ['debootstrap', '--variant=minbase', include, suite, folder, ...sources.slice(0, 1).map(({ uri }) => uri)],
  ] as const;
  for (const [index, argv] of ways.entries()) {
    if (!(await installed(exec, argv[0] as string))) {
      if (index === 0) say('mmdebstrap is not installed: debootstrap instead, which takes longer');
      continue;
    }
    say(`building with ${argv[0]}`);
    return stream(argv, proxy, say, template);
  }
  throw new OpError('host', `template ${template}: neither mmdebstrap nor debootstrap is installed`, {
    hint: 'apt-get install mmdebstrap',
  });
}

/** Runs a builder in namespaces of its own that end with us, so that nothing of it is left running or mounted. */
async function stream(
  argv: readonly string[],
  env: Readonly<Record<string, string>>,
  say: (line: string) => void,
  template: string,
): Promise<void> {
  const cage = ['--pdeathsig', 'KILL', 'unshare', '--mount', '--pid', '--fork', '--kill-child', '--mount-proc'];
  const child = spawn('setpriv', [...cage, ...argv], {
    env: { ...process.env, LC_ALL: 'C', DEBIAN_FRONTEND: 'noninteractive', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const last: string[] = [];
  const follow = async (stream: NodeJS.ReadableStream): Promise<void> => {
    for await (const line of createInterface({ input: stream })) {
      last.splice(0, last.length - 40, line);
      const phase = /^I: (.+)$/.exec(line)?.[1];
      if (phase !== undefined) say(phase);
    }
  };
  const end = new Promise<number>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve(code ?? 1));
  });
  const deadline = setTimeout(() => child.kill('SIGKILL'), 1_800_000);
  try {
    await Promise.all([follow(child.stdout), follow(child.stderr)]);
    const code = await end;
    if (code === 0) return;
    const errors = last.filter(
      (line) => /^(E|W|Err):?\S* /.test(line) && !/^E: (mmdebstrap|apt-get \w+ .*) failed/.test(line),
    );
    const why = (errors.length > 0 ? errors : last).slice(-3).join('; ');
    throw new OpError('host', `template ${template}: ${argv[0]} ended with status ${code}: ${why}`, {
      hint: 'Check that apt-get update works on this machine (network, sources, proxy), then try again.',
    });
  } finally {
    clearTimeout(deadline);
  }
}

/** What the machine's own apt has of the suite; empty for the tool's default. */
async function aptSources(
  exec: Exec,
  suite: string,
): Promise<readonly { readonly uri: string; readonly suite: string }[]> {
  const argv = [
    'apt-get',
    'indextargets',
    '--format',
    '$(ORIGIN) $(COMPONENT) $(CODENAME) $(REPO_URI)',
    'Created-By: Packages',
  ];
  const found = await exec(argv as [string, ...string[]]);
  return found.stdout.split('\n').flatMap((line) => {
    const [origin, component, name = '', uri = ''] = line.split(' ');
    const ours = origin === 'Debian' && component === 'main' && (name === suite || name.startsWith(`${suite}-`));
    return ours && /^https?:/.test(uri) ? [{ uri, suite: name }] : [];
  });
}

/** The machine's proxy as environment, since an argument would show a password. */
async function aptProxy(exec: Exec): Promise<Readonly<Record<string, string>>> {
  const { stdout } = await exec([
    'apt-config',
    'shell',
    'http_proxy',
    'Acquire::http::Proxy',
    'https_proxy',
    'Acquire::https::Proxy',
  ]);
  return Object.fromEntries([...stdout.matchAll(/^(\w+)='(.*)'$/gm)].map(([, key = '', value = '']) => [key, value]));
}

/** Leave to use an archive whose dates are past, where the machine has given it to its own apt. */
async function aptOptions(exec: Exec): Promise<readonly string[]> {
  const { stdout } = await exec(['apt-config', 'dump', 'Acquire::Check-Valid-Until', 'Acquire::Check-Date']);
  return stdout
    .split('\n')
    .filter((line) => /^Acquire::Check-\S+ "(false|no|0)";$/.test(line))
    .map((line) => line.slice(0, -1));
}

/** What no container needs of the fresh tree goes, and nothing in it starts unless it is told to. */
async function settle(tree: string, { masked, enabled = [] }: Recipe): Promise<void> {
  const units = `${tree}/etc/systemd/system`;
  for (const wants of await readdir(units))
    if (wants.endsWith('.wants')) await rm(`${units}/${wants}`, { recursive: true });
  for (const unit of masked) {
    await rm(`${units}/${unit}`, { force: true });
    await symlink('/dev/null', `${units}/${unit}`);
  }
  if (enabled.length > 0) await mkdir(`${units}/multi-user.target.wants`);
  for (const unit of enabled) await symlink(`/lib/systemd/system/${unit}`, `${units}/multi-user.target.wants/${unit}`);
  await rm(`${units}/default.target`, { force: true });
  await symlink('/lib/systemd/system/multi-user.target', `${units}/default.target`);
  for (const path of ['/etc/machine-id', '/etc/fstab', '/etc/resolv.conf', '/etc/hostname']) {
    await rm(`${tree}${path}`, { force: true });
    await writeFile(`${tree}${path}`, '');
  }
  await rm(`${tree}/var/lib/dbus/machine-id`, { force: true });
  await writeFile(`${tree}/etc/sysctl.conf`, '');
}

/** Adds `base` to each owner and group; chown clears set-id bits, so the mode is set again. */
async function shift(path: string, base: number): Promise<void> {
  const stat = await lstat(path);
  await lchown(path, stat.uid + base, stat.gid + base);
  if (stat.isSymbolicLink()) return;
  if ((stat.mode & 0o6000) !== 0) await chmod(path, stat.mode & 0o7777);
  if (!stat.isDirectory()) return;
  const names = await readdir(path);
  for (let at = 0; at < names.length; at += 32)
    await Promise.all(names.slice(at, at + 32).map((name) => shift(`${path}/${name}`, base)));
}

/** A folder, on btrfs a subvolume: only that can be snapshot. */
async function subvolume(exec: Exec, path: string): Promise<void> {
  const made = (await installed(exec, 'btrfs')) && (await exec(['btrfs', 'subvolume', 'create', path])).code === 0;
  if (!made) await mkdir(path, { mode: 0o755 });
}

async function installed(exec: Exec, program: string): Promise<boolean> {
  try {
    await exec([program, '--version']);
    return true;
  } catch (error) {
    if (error instanceof OpError && error.code === 'host') return false;
    throw error;
  }
}
